/** An app with islands, and a client of the live UI without a browser: what door tests talk to. */
import { assert, assertEquals } from "@std/assert";
import * as v from "valibot";
import { type AccessRequest, type AnyApp, collection, defineApp } from "../../core/app.ts";
import { BrowserMessage, ServerMessage } from "../../core/wire/ui_gen.ts";
import { encodeUp } from "../../core/wire/messages.ts";
import { Rejection } from "../../core/errors.ts";
import { UI_BODY_BYTES_MAX, UI_PART_BYTES_MAX } from "../../edge/ui_parts.ts";
import { openSqlite } from "../../edge/sqlite_node.ts";
import { UPLOAD_HEADER } from "../../edge/ui_uploads.ts";
import { island, live } from "../../ui/live_ui.ts";
import { LivePeer } from "./live_peer.ts";
import { pause } from "./raw_peer.ts";

/** The kinds of messages, by their numbers in the schema. */
export const KIND = {
  patch: 0,
  init: 1,
  jscall: 2,
  input: 0,
  method: 1,
  jsresult: 2,
  initRequest: 3,
} as const;

class Counter {
  count = 5;
  add(by: number) {
    this.count += by;
  }
  fail() {
    this.count = 99;
    throw new TypeError("a fault in the app");
  }
}

class Board {
  title = "";
  problem = "";
  get rows() {
    return live(this).collection("task").rows();
  }
  async make(id: string) {
    await live(this).mutate("task.create", { id, data: { title: this.title } });
    this.title = "";
  }
}

class Who {
  get name() {
    return live(this).principal?.id ?? "nobody";
  }
}

class Files {
  report = "";
  take(file: { readonly name: string; readonly size: number; text(): string }) {
    this.report = `${file.name} ${file.size} ${file.text().length}`;
  }
}

class Text {
  text = "";
  fill(length: number) {
    this.text = (this.text.startsWith("x") ? "y" : "x").repeat(length);
  }
}

const COUNTER = `<p>{{count}}<button g-click="add(1)">+</button>` +
  `<button g-click="fail()">!</button></p>`;

/** Its islands: counters of each scope, a board on a collection, files, and one within another. */
export function islandApp(authorize?: (request: AccessRequest) => boolean): AnyApp {
  const task = collection("task", v.object({ title: v.pipe(v.string(), v.minLength(1)) }));
  return defineApp({
    name: "islands",
    collections: { task },
    mutators: {
      "task.refuse"() {
        throw new Rejection("Not today");
      },
    },
    ...(authorize === undefined ? {} : { authorize }),
    islands: {
      counter: island(Counter, { template: COUNTER }),
      mine: island(Counter, { template: COUNTER, scope: "user", saved: true }),
      ours: island(Counter, { template: COUNTER, scope: "global", saved: true }),
      who: island(Who, { template: "<p>{{name}}</p>" }),
      board: island(Board, {
        template: `<section><input g-bind="title"><button g-click="make('t1')">Make</button>` +
          `<ul><li g-for="row in rows" g-key="row.id">{{row.title}}</li></ul></section>`,
      }),
      files: island(Files, {
        template: `<p><input type="file" g-upload="take" g-upload-bytes="10">{{report}}</p>`,
      }),
      // Its buttons make a text of 50 kB, one of several parts, and one that is too large.
      text: island(Text, {
        scope: "global",
        template: `<p><b>{{text}}</b><button g-click="fill(50000)">a</button>` +
          `<button g-click="fill(${UI_PART_BYTES_MAX * 9 + 1})">b</button>` +
          `<button g-click="fill(${UI_BODY_BYTES_MAX + 1})">c</button></p>`,
      }),
      outer: island(Counter, { template: `<div>{{count}}<i g-island="counter"></i></div>` }),
    },
  });
}

/** An island in the HTML of a page. */
export interface FoundIsland {
  readonly name: string;
  readonly table: string;
  readonly session: string;
  readonly seq: number;
  readonly html: string;
}

const ELEMENT =
  /g-island="?(\w+)"?[^>]*? data-table="([^"]+)" data-session="([^"]+)" data-seq="(\d+)"[^>]*>/g;

/** The islands of a page, in its order; `html` goes on to the end of the page. */
export function islandsIn(html: string): readonly FoundIsland[] {
  return Array.from(html.matchAll(ELEMENT), (found) => {
    const [start = "", name = "", table = "", session = "", seq = ""] = found;
    return { name, table, session, seq: Number(seq), html: html.slice(found.index + start.length) };
  });
}

/** Waits until the file of a server has this in the state of an island. */
export async function isSaved(path: string, part: string): Promise<void> {
  const db = openSqlite(path);
  try {
    const saved = db.prepare("SELECT count(*) AS n FROM island_states WHERE instr(text, ?) > 0");
    while (saved.get(part)?.n === 0) await pause(20);
  } finally {
    db.close();
  }
}

const NOTHING: BrowserMessage = BrowserMessage.decode(new Uint8Array());

/** A message of a browser in its envelope. */
export function uiBytes(message: Partial<BrowserMessage>): Uint8Array<ArrayBuffer> {
  return encodeUp(0, { kind: "ui", body: BrowserMessage.encode({ ...NOTHING, ...message }) });
}

/** One connection that speaks of islands. */
export class IslandPeer {
  readonly peer: LivePeer;

  private constructor(peer: LivePeer) {
    this.peer = peer;
  }

  static async open(port: number, headers: Record<string, string> = {}): Promise<IslandPeer> {
    return new IslandPeer(await LivePeer.open(port, headers));
  }

  say(message: Partial<BrowserMessage>): void {
    this.peer.sayBytes(uiBytes(message));
  }

  /** Asks for an island; with what a page has of it, to go on with that. */
  show(target: number, island: string, known: Partial<FoundIsland> = {}): void {
    const { session = "", seq = 0, table = "" } = known;
    this.say({ kind: KIND.initRequest, target, island, session, seq, table, url: "/" });
  }

  click(target: number, slot: number, instance = 0): void {
    this.say({ kind: KIND.method, target, instance, slot, data: "{}" });
  }

  /** The next message, put together where it comes in parts. */
  async hear(): Promise<ServerMessage> {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    for (;;) {
      const { body } = await this.peer.hear("ui");
      const message = ServerMessage.decode(body);
      if (message.part.length === 0) {
        assertEquals(parts.length, 0, "nothing comes between parts");
        return message;
      }
      parts.push(new Uint8Array(message.part));
      if (message.more) continue;
      return ServerMessage.decode(new Uint8Array(await new Blob(parts).arrayBuffer()));
    }
  }

  /** The next message, which is markup for a target. */
  async init(target: number): Promise<ServerMessage> {
    const message = await this.hear();
    assertEquals([message.kind, message.target, message.code], [KIND.init, target, ""]);
    return message;
  }

  /** Waits for a patch whose only text this is; numbers are texts here. */
  async patch(target: number): Promise<ServerMessage> {
    const message = await this.hear();
    assertEquals([message.kind, message.target, message.code], [KIND.patch, target, ""]);
    assert(message.ops.length > 0, "a patch has operations");
    return message;
  }

  close(): Promise<void> {
    return this.peer.close();
  }
}

/** A file arrives in the island "files" in two parts, for the ticket that its page is given. */
export async function assertUpload(peer: IslandPeer, origin: string): Promise<void> {
  peer.show(3, "files");
  await peer.init(3);
  const file = { name: "a.txt", type: "text/plain", size: 10 };
  peer.say({ kind: KIND.method, target: 3, slot: 0, data: JSON.stringify({ files: [file] }) });
  const { name, args } = await peer.hear();
  assertEquals(name, "driftless:upload");
  const [, , [ticket = ""] = []] = JSON.parse(args) as [number, number, string[]];
  for (const [offset, body] of [[0, "hello"], [5, "world"]] as const) {
    const url = `${origin}/_live/upload?offset=${offset}`;
    const headers = { [UPLOAD_HEADER]: ticket };
    const part = await fetch(url, { method: "POST", body, headers });
    assertEquals(await part.json(), { received: offset + 5, done: offset === 5 });
  }
  assertEquals((await peer.patch(3)).texts, ["a.txt: helloworld"]);
}
