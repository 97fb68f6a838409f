/** Messages between those who are connected now: who listens here, and what goes out. */
import { DriftlessError } from "../../core/errors.ts";
import { parseJson, utf8Length } from "../../core/json.ts";
import { LIVE_MESSAGE_BYTES_MAX } from "../../core/limits.ts";
import { checkName } from "../../core/mutation.ts";
import { TOPICS_MAX } from "../../core/session.ts";
import type { UpMessage } from "../../core/wire/messages.ts";
import { callBack } from "./callbacks.ts";

type Listener = (data: unknown) => void;

/** Bytes of one message's JSON: it has to fit a live message with its topic. */
const DATA_BYTES_MAX = LIVE_MESSAGE_BYTES_MAX - 1024;

/** The topics that one client follows. */
export class Topics {
  readonly #send: (message: UpMessage) => void;
  readonly #listeners = new Map<string, Set<Listener>>();

  /** `send` sends while the server has greeted this client, and does nothing otherwise. */
  constructor(send: (message: UpMessage) => void) {
    this.#send = send;
  }

  /**
   * Hears the messages of a topic; returns how to stop.
   *
   * @throws {DriftlessError} when the topic has no usable name, or the server would refuse so many
   */
  subscribe(topic: string, listener: Listener): () => void {
    let listeners = this.#listeners.get(checkName(topic, "topic"));
    if (listeners === undefined) {
      if (this.#listeners.size >= TOPICS_MAX) {
        throw new DriftlessError("rate_limited", `Cannot follow more than ${TOPICS_MAX} topics`);
      }
      this.#listeners.set(topic, listeners = new Set());
      this.#send({ kind: "subscribe", topic });
    }
    // Its own, so that one who subscribes the same function twice can stop one of them.
    const own: Listener = (data) => listener(data);
    listeners.add(own);
    return () => {
      listeners.delete(own);
      if (listeners.size > 0 || this.#listeners.get(topic) !== listeners) return;
      this.#listeners.delete(topic);
      this.#send({ kind: "unsubscribe", topic });
    };
  }

  /**
   * Sends a message to everyone who hears the topic now.
   *
   * @throws {DriftlessError} when it is not JSON within the limits: the server would refuse it
   */
  publish(topic: string, data: unknown): void {
    const text = JSON.stringify(data) ?? "null";
    parseJson(text, "invalid_mutation");
    if (utf8Length(text) > DATA_BYTES_MAX) {
      throw new DriftlessError("too_large", `A message is larger than ${DATA_BYTES_MAX} bytes`);
    }
    this.#send({ kind: "publish", topic: checkName(topic, "topic"), data: text });
  }

  /** A new connection has been greeted: it knows of no topics yet. */
  resume(): void {
    for (const topic of this.#listeners.keys()) this.#send({ kind: "subscribe", topic });
  }

  /** A message came; each listener gets a value of its own. */
  deliver(topic: string, data: string): void {
    for (const listener of [...this.#listeners.get(topic) ?? []]) {
      callBack(() => listener(JSON.parse(data)));
    }
  }
}
