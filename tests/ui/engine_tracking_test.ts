/** Writes of handlers: what is seen, what is evaluated for them, and what is taken back. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { IslandInstance } from "../../ui/island_instance.ts";
import { originalOf } from "../../ui/tracking.ts";
import { el, type ElementPiece, programOf, text } from "./engine_programs.ts";

interface Note {
  title: string;
  tags: string[];
}

class Notes {
  notes: Note[] = [{ title: "a", tags: [] }, { title: "b", tags: [] }];
  chosen: Note | null = null;
  count = 0;
  byName = new Map<string, Note>();
  names = new Set<string>();
  when = new Date(0);
  reads = 0;

  get read(): number {
    return ++this.reads;
  }

  set twice(value: number) {
    this.count = value * 2;
  }

  do(change: (notes: Notes) => unknown): unknown {
    return change(this);
  }
}

const whole = el(
  "div",
  {},
  el("b", {}, text("count")),
  { each: "notes", names: ["note"], element: el("i", {}, text("note.title")) },
  { each: "byName", names: ["note", "name"], element: el("u", {}, text("note.title")) },
  { each: "names", names: ["name"], element: el("s", {}, text("name")) },
  el("p", {}, text("chosen?.title")),
);

function islandOf(root: ElementPiece = whole, state: object = new Notes()): IslandInstance {
  return new IslandInstance(programOf(root), state);
}

function textOf(island: IslandInstance): string {
  return island.html().replaceAll(/<[^>]*>/g, " ").replaceAll(/ +/g, " ").trim();
}

/** What is shown after a change that a handler made. */
function after(...changes: readonly ((notes: Notes) => unknown)[]): string {
  const island = islandOf();
  for (const change of changes) {
    island.call("do", [change]);
    island.takePatch();
  }
  return textOf(island);
}

Deno.test("writes to fields, lists, maps and sets are shown, however they are reached", () => {
  assertEquals(after((notes) => notes.count++), "1 a b");
  assertEquals(after((notes) => notes.twice = 4), "8 a b");
  assertEquals(after(({ notes }) => notes[1] && (notes[1].title = "c")), "0 a c");
  assertEquals(
    after(({ notes }) => notes.find(({ title }) => title === "a")!.title = "d"),
    "0 d b",
  );
  assertEquals(after((state) => state.notes = state.notes.filter((one) => one.title > "a")), "0 b");
  assertEquals(after(({ notes }) => notes.push({ title: "c", tags: [] })), "0 a b c");
  assertEquals(after(({ notes }) => notes.length = 1), "0 a");
  assertEquals(after(({ notes }) => delete (notes[1] as Partial<Note>).title), "0 a");
  assertEquals(after(({ byName, notes }) => byName.set("x", notes[0]!)), "0 a b a");
  assertEquals(
    after(
      ({ byName, notes }) => byName.set("x", notes[0]!),
      ({ byName }) => byName.get("x")!.title = "z",
    ),
    "0 z b z",
  );
  assertEquals(
    after(
      ({ byName, notes }) => byName.set("x", notes[0]!),
      ({ byName }) => [...byName.values()].forEach((note) => note.title = "y"),
      ({ byName }) => byName.forEach((note) => note.title += "!"),
    ),
    "0 y! b y!",
  );
  assertEquals(after(({ names }) => names.add("n"), ({ names }) => names.add("m")), "0 a b n m");
  assertEquals(after(({ names }) => names.add("n"), ({ names }) => names.delete("n")), "0 a b");
  assertEquals(after(({ names }) => names.add("n"), ({ names }) => names.clear()), "0 a b");
  assertEquals(
    after((notes) => Object.defineProperty(notes, "count", { value: 5, writable: true })),
    "5 a b",
  );
});

Deno.test("what a handler stores is the data, not the proxy that it was given", () => {
  const state = new Notes();
  const island = islandOf(whole, state);
  island.call("do", [(notes: Notes) => {
    notes.chosen = notes.notes[0] as Note;
    notes.notes = [notes.notes[1] as Note, { title: "c", tags: notes.notes[0]?.tags ?? [] }];
    notes.byName = new Map([["k", notes.chosen]]);
  }]);
  for (const one of [state.chosen, state.notes, ...state.notes, state.notes[1]?.tags]) {
    assert(originalOf(one) === one);
  }
  assert(state.byName.get("k") === state.chosen);
  island.takePatch();
  assertEquals(textOf(island), "0 b c a a");
  // And it is followed: the same object is shown in two places.
  island.call("do", [(notes: Notes) => notes.chosen && (notes.chosen.title = "A")]);
  island.takePatch();
  assertEquals(textOf(island), "0 b c A A");
});

Deno.test("only the block that read what was written is evaluated", () => {
  const state = new Notes();
  let evaluated = 0;
  class Counting extends Notes {
    label(note: Note): string {
      evaluated++;
      return note.title;
    }
  }
  // Methods are evaluated each time something changed; fields are not.
  const opaque = islandOf(
    el("div", {}, { each: "notes", names: ["n"], element: el("i", {}, text("label(n)")) }),
    new Counting(),
  );
  assertEquals(evaluated, 2);
  opaque.takePatch();
  assertEquals(evaluated, 2);
  opaque.call("do", [() => {}]);
  opaque.takePatch();
  assertEquals(evaluated, 4);
  const island = islandOf(whole, state);
  island.call("do", [({ notes }: Notes) => (notes[1] as Note).title = "c"]);
  const patch = island.takePatch();
  assertEquals([patch?.ops.length, patch?.texts], [3, ["c"]]);
});

Deno.test("writes after an await, and from timers, are told and shown", async () => {
  let told = 0;
  const state = new Notes();
  const island = new IslandInstance(programOf(whole), state, {
    report: () => {},
    changed: () => told++,
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = island.call("do", [async (notes: Notes) => {
    notes.count = 1;
    await promise;
    notes.count = 2;
  }]) as Promise<void>;
  assertEquals(told, 1);
  island.takePatch();
  assertEquals(textOf(island), "1 a b");
  resolve();
  await done;
  assertEquals(told, 2);
  island.takePatch();
  assertEquals(textOf(island), "2 a b");
});

Deno.test("what a handler wrote before it threw is taken back", () => {
  const changes: readonly ((notes: Notes) => unknown)[] = [
    (notes) => notes.count = 9,
    (notes) => (notes.notes[0] as Note).title = "x",
    (notes) => notes.notes.push({ title: "c", tags: [] }),
    (notes) => notes.notes.reverse(),
    (notes) => notes.notes.splice(0, 1, { title: "q", tags: [] }, { title: "r", tags: [] }),
    (notes) => notes.notes.length = 0,
    (notes) => notes.notes[7] = { title: "c", tags: [] },
    (notes) => notes.notes[0] = { title: "c", tags: [] },
    (notes) => notes.byName.set("k", { title: "c", tags: [] }),
    (notes) => notes.byName.set("known", { title: "c", tags: [] }),
    (notes) => notes.byName.delete("known"),
    (notes) => notes.byName.clear(),
    (notes) => notes.names.add("new"),
    (notes) => notes.names.delete("old"),
    (notes) => delete (notes as Partial<Notes>).chosen,
    (notes) => (notes as unknown as Record<string, unknown>).fresh = 1,
  ];
  for (const change of changes) {
    const state = new Notes();
    state.byName.set("known", { title: "k", tags: [] }).set("last", { title: "l", tags: [] });
    state.names.add("old").add("older");
    state.chosen = state.notes[1] as Note;
    const image = () =>
      JSON.stringify([{ ...new Notes(), ...state }, [...state.byName], [...state.names]]);
    const before = image();
    const island = islandOf(whole, state);
    const html = island.html();
    const error = assertThrows(() =>
      island.call("do", [(notes: Notes) => {
        change(notes);
        assert(image() !== before, `${change}`);
        throw new RangeError("no");
      }])
    );
    assert(error instanceof RangeError);
    assertEquals(image(), before, `${change}`);
    island.takePatch();
    assertEquals(island.html(), html, `${change}`);
  }
});

Deno.test("a class with private fields is looked at as a whole after each of its handlers", () => {
  class Counter {
    #count = 0;
    step = 1;

    get count(): number {
      return this.#count;
    }

    add(): void {
      this.#count += this.step;
      this.step = 2;
    }
  }
  const program = el("p", {}, el("b", {}, text("count")), el("i", {}, text("step")));
  const island = islandOf(program, new Counter());
  island.call("add");
  island.takePatch();
  assertEquals(textOf(island), "1 2");
});

Deno.test("what is inside an object of the platform is looked at when a handler had it", () => {
  const program = el("p", {}, el("b", {}, text("when")));
  const island = islandOf(program, new Notes());
  island.call("do", [({ when }: Notes) => when.setTime(86_400_000)]);
  island.takePatch();
  assertEquals(textOf(island), "1970-01-02T00:00:00.000Z");
});

Deno.test("islands that show the same object hear of each other's writes", () => {
  const state = new Notes();
  const [one, other] = [islandOf(whole, state), islandOf(whole, state)];
  one.call("do", [({ notes }: Notes) => (notes[0] as Note).title = "shared"]);
  one.takePatch();
  assert(other.takePatch() !== null);
  assertEquals(textOf(other), "0 shared b");
  other.close();
  one.call("do", [({ notes }: Notes) => (notes[0] as Note).title = "later"]);
  assertEquals(other.takePatch(), null);
});

Deno.test("a refresh shows what nobody could see, one with fields only what reads these", () => {
  const state = new Notes();
  const island = islandOf(whole, state);
  state.count = 5;
  (state.notes[0] as Note).title = "raw";
  assertEquals(island.takePatch(), null);
  island.refresh(["count"]);
  island.takePatch();
  assertEquals(textOf(island), "5 a b");
  island.refresh();
  island.takePatch();
  assertEquals(textOf(island), "5 raw b");
});

Deno.test("an expression that fails leaves what it showed, and is reported once a patch", () => {
  const state = new Notes();
  const problems: string[] = [];
  const row = el("i", {}, text("note.tags.length"));
  const program = programOf(
    el("div", {}, el("b", {}, text("chosen.title")), {
      each: "notes",
      names: ["note"],
      element: row,
    }),
  );
  const island = new IslandInstance(program, state, {
    report: ({ error, text, place }) => problems.push(`${place.line} ${text}: ${error}`),
    changed: () => {},
  });
  assertEquals(problems, ['1 chosen.title: TypeError: Cannot read "title" of null']);
  island.call("do", [(notes: Notes) => notes.chosen = notes.notes[0] as Note]);
  island.takePatch();
  assertEquals(textOf(island), "a 0 0");
  problems.length = 0;
  island.call("do", [(notes: Notes) => {
    notes.chosen = null;
    for (const note of notes.notes) note.tags = null as unknown as string[];
  }]);
  assertEquals(island.takePatch(), null);
  assertEquals(textOf(island), "a 0 0");
  assertEquals(problems.length, 2);
});

Deno.test("rows that are replaced many times over leave nothing but the last ones", () => {
  const state = new Notes();
  const program = programOf(
    el("div", {}, {
      each: "notes",
      names: ["note"],
      element: el("i", {}, text("count + note.title")),
    }),
  );
  const island = new IslandInstance(program, state);
  for (let round = 0; round < 300; round++) {
    island.call("do", [(notes: Notes) => {
      notes.notes = [{ title: `${round}`, tags: [] }];
      notes.count = round;
    }]);
    island.takePatch();
    assertEquals(island.size, 2);
  }
  assertEquals(textOf(island), "299299");
});

Deno.test("a template that writes to what it reads costs a bounded number of rounds", () => {
  let evaluated = 0;
  let writable: { count: number } | null = null;
  class Endless {
    count = 0;

    get more(): number {
      evaluated++;
      if (writable !== null) writable.count++;
      return 0;
    }
  }
  const island = islandOf(el("p", {}, el("b", {}, text("more + count"))), new Endless());
  writable = island.writable as Endless;
  writable.count = 5;
  assert(island.takePatch() !== null);
  assert(evaluated > 1 && evaluated < 50, `${evaluated}`);
});

Deno.test("records that are frozen can be read in handlers without a look at everything", () => {
  const note = Object.freeze({ title: "a", tags: Object.freeze(["x"]) });
  const state = { notes: [note], picked: "", loose: Object.freeze({ tags: ["y"] }) };
  class Reader {
    notes = state.notes;
    loose = state.loose;
    picked = "";

    pick(): void {
      this.picked = this.notes[0]?.tags[0] ?? "";
    }

    write(): void {
      (this.notes[0] as { title: string }).title = "b";
    }

    reach(): void {
      this.loose.tags[0] = "z";
    }
  }
  const island = islandOf(
    el("p", {}, el("b", {}, text("picked")), {
      each: "loose.tags",
      names: ["tag"],
      element: el("i", {}, text("tag")),
    }),
    new Reader(),
  );
  island.call("pick");
  island.takePatch();
  assertEquals(textOf(island), "x y");
  assertThrows(() => island.call("write"), TypeError);
  island.call("reach");
  island.takePatch();
  assertEquals(textOf(island), "x z");
});

Deno.test("maps and sets give what they hold to handlers in every way they have", () => {
  const state = new Notes();
  state.byName.set("k", state.notes[0] as Note);
  const kept = new Set([state.notes[1] as Note]);
  const island = islandOf(whole, Object.assign(state, { kept }));
  const seen: unknown[] = [];
  island.call("do", [(notes: Notes & { kept: Set<Note> }) => {
    const { byName, kept } = notes;
    seen.push(byName.size, kept.size, byName.has("k"), kept.has(notes.notes[1] as Note));
    seen.push([...byName.keys()], [...byName].length, [...byName.entries()].length);
    seen.push([...kept.keys()].length, [...kept.entries()].length);
    for (const note of kept) note.title += "1";
    kept.forEach((note) => note.title += "2");
    for (const note of kept.values()) note.title += "3";
    for (const [, note] of byName) note.title += "4";
    kept.add(notes.notes[0] as Note).add(notes.notes[0] as Note);
  }]);
  assertEquals(seen, [1, 1, true, true, ["k"], 1, 1, 1, 1]);
  island.takePatch();
  assertEquals(textOf(island), "0 a4 b123 a4");
  assertEquals(kept.size, 2);
  assert([...kept].every((note) => originalOf(note) === note));
});
