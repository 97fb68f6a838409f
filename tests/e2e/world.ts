/** What the cases ask of a server, whichever platform it is on: callers, clients and connections. */
import { assertEquals } from "@std/assert";
import { issueToken } from "../../edge/identity.ts";
import { type Client, type ClientOptions, createClient } from "../../ui/client/create_client.ts";
import { LivePeer } from "../edge/live_peer.ts";
import { IslandPeer } from "../edge/live_ui_app.ts";
import app from "../e2e_site/app.ts";
import { SECRET, type Stage } from "./stages.ts";

/** Headers of a request. */
export type CallerHeaders = Readonly<Record<string, string>>;

/** A client of the app. */
export type SiteClient = Client<typeof app>;

/** What a push answers of one mutation. */
export interface PushResult {
  readonly ok: boolean;
  readonly id: string;
  readonly cursor: number;
  readonly code?: string;
}

/** How long a server may take to come to what is expected of it, in milliseconds. */
const UNTIL_MS_MAX = 30_000;
/** How long the tokens are good for, in seconds. */
const TOKEN_SECONDS = 3_600;

/** A server, asked by Anna unless somebody else is named; the scope is the case's own. */
export class World {
  readonly stage: Stage;
  readonly scope: string;
  readonly token: string;
  readonly #url: string | undefined;
  readonly #clients: SiteClient[] = [];

  private constructor(stage: Stage, scope: string, token: string, url?: string) {
    this.stage = stage;
    this.scope = scope;
    this.token = token;
    this.#url = url;
  }

  static async on(stage: Stage, scope: string): Promise<World> {
    return new World(stage, scope, await issueToken("anna", TOKEN_SECONDS, SECRET));
  }

  /** The same of another server on the same data; whoever asks for it ends it. */
  async another(): Promise<World> {
    const { stage, scope, token } = this;
    return new World(stage, scope, token, await stage.another());
  }

  get url(): string {
    return this.#url ?? this.stage.url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  get headers(): CallerHeaders {
    return { authorization: `Bearer ${this.token}` };
  }

  /** A POST as curl sends it. */
  post(path: string, body: unknown, headers: CallerHeaders = this.headers): Promise<Response> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return fetch(this.url + path, { method: "POST", body: text, headers });
  }

  /** What a POST that is taken answers. */
  async ask<T = Record<string, unknown>>(path: string, body: unknown): Promise<T> {
    const response = await this.post(path, body);
    const answer = await response.json();
    assertEquals(response.status, 200, JSON.stringify(answer));
    return answer;
  }

  /** Pushes mutations of the scope. */
  async push(mutations: readonly Record<string, unknown>[]): Promise<readonly PushResult[]> {
    const all = mutations.map((mutation) => ({ scope: this.scope, ...mutation }));
    return (await this.ask<{ results: PushResult[] }>("/_sync/push", { mutations: all })).results;
  }

  /** The rows of the scope, by collection. */
  async rows(): Promise<Record<string, Record<string, unknown>>> {
    const { data } = await this.ask<{ data: Record<string, Record<string, unknown>> }>(
      "/_sync/snapshot",
      { scope: this.scope },
    );
    return data;
  }

  /** Expects that a request is refused with a code, in the shape of every refusal. */
  async refused(response: Response, status: number, code: string): Promise<void> {
    const body = await response.json();
    assertEquals([response.status, body.code, typeof body.error], [status, code, "string"]);
  }

  /** A client of the scope. */
  client(options: ClientOptions = {}): SiteClient {
    const { url, token, scope } = this;
    const client = createClient(app, { url, token, scope, persistence: "memory", ...options });
    this.#clients.push(client);
    return client;
  }

  /** Two clients of the scope that are connected. */
  async pair(): Promise<readonly [SiteClient, SiteClient]> {
    const [a, b] = [this.client({ storageName: "a" }), this.client({ storageName: "b" })];
    await Promise.all([a.start(), b.start()]);
    await this.connected(a, b);
    return [a, b];
  }

  /** Waits until clients have a live connection. */
  async connected(...clients: readonly SiteClient[]): Promise<void> {
    const isLive = () => clients.every(({ status }) => status.value.connection === "online");
    await this.until(isLive, "live connections");
  }

  /** A live connection with a ticket for a scope. */
  async peer(scope = this.scope, headers: CallerHeaders = this.headers): Promise<LivePeer> {
    return await LivePeer.connect(this.live(await this.ticket(scope, headers)));
  }

  /** A ticket for one connection. */
  async ticket(scope = this.scope, headers: CallerHeaders = this.headers): Promise<string> {
    return (await (await this.post("/_live/ticket", { scope }, headers)).json()).ticket;
  }

  /** The address of a live connection. */
  live(ticket: string): string {
    return `${this.url.replace("http", "ws")}/_live?ticket=${encodeURIComponent(ticket)}`;
  }

  /** A connection that speaks of islands. */
  islands(headers: CallerHeaders = this.headers): Promise<IslandPeer> {
    return IslandPeer.open(this.port, { ...headers });
  }

  /** Waits for a condition. */
  async until(isTrue: () => boolean | Promise<boolean>, what: string): Promise<void> {
    const end = performance.now() + UNTIL_MS_MAX;
    while (!await isTrue()) {
      if (performance.now() > end) throw new Error(`Waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Stops a client before the case ends. */
  async stop(client: SiteClient): Promise<void> {
    this.#clients.splice(this.#clients.indexOf(client), 1);
    await client.stop();
  }

  /** Stops the clients that run. */
  async end(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.stop()));
  }
}
