/** The rows of the table of expressions, events and forms that are about compiling, by their names. */
import { assertEquals } from "@std/assert";
import { EVENT_FIELDS, EVENTS } from "../../ui/event_names.ts";
import { EVENT_WAIT_MS_MAX } from "../../ui/template_events.ts";
import { Board, compiled, given, problems, slotAt, slots } from "./template_rig.ts";

const on = (attribute: string) => slots(`<p ${attribute}></p>`);

Deno.test("Event directives: each names its event, its target and its modifiers", () => {
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    ['g-click="add"', ["click", "self", {}, []]],
    ['g-input="add(event.value)"', ["input", "self", {}, ["value"]]],
    ['g-change="add(event.checked)"', ["change", "self", {}, ["checked"]]],
    ['g-submit.prevent="add(event.form)"', ["submit", "self", { prevent: true }, ["form"]]],
    ['g-dblclick.stop="add"', ["dblclick", "self", { stop: true }, []]],
    ['g-focus.once="add"', ["focus", "self", { once: true }, []]],
    ['g-blur.self="add"', ["blur", "self", { self: true }, []]],
    ['g-wheel.throttle(50)="add(event.deltaY)"', ["wheel", "self", { throttle: 50 }, ["deltaY"]]],
    ['g-input.debounce(200ms)="add"', ["input", "self", { debounce: 200 }, []]],
    ['g-scroll:window="add()"', ["scroll", "window", {}, []]],
    ['g-visibilitychange:document="add"', ["visibilitychange", "document", {}, []]],
    ['g-touchstart.prevent="add(event.touches)"', ["touchstart", "self", { prevent: true }, [
      "touches",
    ]]],
    ['g-pointermove="add(event.pointerId)"', ["pointermove", "self", {}, ["pointerId"]]],
    [
      'g-click.prevent.stop.once.self:window="add"',
      ["click", "window", { prevent: true, stop: true, once: true, self: true }, []],
    ],
    ['g-on:my-event="add(event.detail)"', ["my-event", "self", {}, ["detail"]]],
    ['g-on:fooBar.once:document="add"', ["fooBar", "document", { once: true }, []]],
    ['G-CLICK.Prevent="add"', ["click", "self", { prevent: true }, []]],
  ];
  for (const [attribute, [event, target, modifiers, wants]] of cases) {
    assertEquals(on(attribute), [["on", [], event, target, modifiers, wants]], attribute);
  }
  for (const event of EVENTS) {
    assertEquals(on(`g-${event}="add()"`), [["on", [], event, "self", {}, []]], event);
  }
});

Deno.test("Event directives: several of one element, each a slot", () => {
  assertEquals(on('g-click="add" g-click:window="add" g-click.stop:document="add"').length, 3);
});

Deno.test("g-keydown: key filters as modifiers", () => {
  const keys = (attribute: string) => {
    const [slot] = on(`${attribute}="add"`) as readonly (readonly { keys?: unknown }[])[];
    return slot?.[4]?.keys;
  };
  assertEquals(keys("g-keydown.enter"), ["Enter"]);
  assertEquals(keys("g-keyup.esc"), ["Escape"]);
  assertEquals(keys("g-keydown.ArrowUp.down.space"), ["ArrowUp", "ArrowDown", " "]);
  assertEquals(keys("g-keydown.a.B.5"), ["a", "B", "5"]);
  assertEquals(keys("g-keydown.KeyS.F5.Digit1"), ["KeyS", "F5", "Digit1"]);
  assertEquals(keys("g-keydown"), undefined);
  assertEquals(problems('<p g-keydown.entr="add"></p>'), [
    't.html:1:4: there is no modifier "entr"; did you mean "enter"?',
  ]);
  assertEquals(problems('<p g-click.enter="add"></p>'), [
    't.html:1:4: there is no modifier "enter"',
  ]);
});

Deno.test('g-keydown="Enter:A;ArrowUp:B;C": several handlers, each with its key', () => {
  for (const value of ["Enter:add(1);Escape:pick(2);add", "Enter:add(1),Escape:pick(2),add"]) {
    const program = compiled(`<p g-keydown.prevent="${value}"></p>`);
    const calls = [0, 1, 2].map((index) => {
      const { call, modifiers } = slotAt(program, "on", index);
      return [call.method, modifiers.keys, modifiers.prevent];
    });
    assertEquals(calls, [
      ["add", ["Enter"], true],
      ["pick", ["Escape"], true],
      ["add", undefined, true],
    ]);
  }
  const quoted = compiled(`<p g-keydown="'/': add(',;', [1, 2])"></p>`);
  assertEquals(slotAt(quoted, "on").modifiers.keys, ["/"]);
  assertEquals(given(slotAt(quoted, "on"), {}), [",;", [1, 2]]);
  assertEquals(problems('<p g-keydown="Entr:add"></p>'), [
    't.html:1:15: there is no key "Entr"; did you mean "Enter"?',
  ]);
  assertEquals(problems('<p g-keydown="Enter:add;Escape:ad"></p>'), [
    't.html:1:32: Board has no method "ad"; did you mean "add"?',
  ]);
});

Deno.test("Arguments: evaluated when the event comes, a comma inside a string stays there", () => {
  const program = compiled(
    `<ul><li g-for="t in tasks" g-click="pick(t.id, 'a,b', text, [1, 2], {k: count})"></li></ul>`,
  );
  const slot = slotAt(program, "on", 0, 1);
  const state = new Board();
  const args = () => given(slot, {}, { state, variables: [state.tasks[1]] });
  assertEquals(args(), [2, "a,b", "x", [1, 2], { k: 1 }]);
  state.text = "new";
  assertEquals(args()[2], "new");
});

Deno.test("Event data: what arguments name is sent, event.target.value as event.value", () => {
  const program = compiled(
    '<p g-input="pick(event.target.value, event.currentTarget.checked, event.key + event.key)"></p>',
  );
  const slot = slotAt(program, "on");
  assertEquals(slot.wants, ["value", "checked", "key"]);
  assertEquals(given(slot, { value: "v", checked: true, key: "k" }), ["v", true, "kk"]);
  const nested = compiled(
    '<p g-click="add([event.clientX].map(x => x + event.clientY), {a: -event.button}, on ? event.detail : 1, names[event.data])"></p>',
  );
  assertEquals(slotAt(nested, "on").wants, ["clientX", "clientY", "button", "detail", "data"]);
  const data = { clientX: 1, clientY: 2, button: 3, detail: "d", data: 1 };
  assertEquals(given(slotAt(nested, "on"), data), [[3], { a: -3 }, "d", "b"]);
});

Deno.test("Event data: after loop variables, in nested loops", () => {
  const program = compiled(
    '<ul><li g-for="t, i in tasks"><b g-for="tag in t.tags" g-click="pick(i, tag, event.key)"></b></li></ul>',
  );
  const slot = slotAt(program, "on", 0, 2);
  const scope = { state: new Board(), variables: [null, 4, "tag"] };
  assertEquals(given(slot, { key: "k" }, scope), [4, "tag", "k"]);
});

Deno.test("Event data: godom's comes first where a mouse, wheel or scroll handler is only named", () => {
  const wants = (attribute: string) => slotAt(compiled(`<p ${attribute}></p>`), "on").wants;
  assertEquals(wants('g-mousedown="moved"'), ["clientX", "clientY"]);
  assertEquals(wants('g-mousemove="moved"'), ["clientX", "clientY"]);
  assertEquals(wants('g-mouseup="moved"'), ["clientX", "clientY"]);
  assertEquals(wants('g-wheel="pick"'), ["deltaY"]);
  assertEquals(wants('g-scroll="pick"'), ["scrollTop", "scrollHeight", "clientHeight"]);
  assertEquals(wants('g-scroll="add()"'), []);
  assertEquals(wants('g-click="add"'), []);
  const slot = slotAt(compiled('<p g-wheel="pick"></p>'), "on");
  assertEquals(given(slot, { deltaY: 5 }), [5]);
});

Deno.test("Event data: what events have not is refused, and so is the event as a whole", () => {
  assertEquals(problems('<p g-click="add(event.kye)"></p>'), [
    't.html:1:23: events have no "kye" to send; did you mean "key"?',
  ]);
  assertEquals(problems('<p g-click="add(event.target.ownerDocument)"></p>'), [
    't.html:1:30: events have no "ownerDocument" to send',
  ]);
  assertEquals(problems('<p g-click="add(event)"></p>').length, 1);
  assertEquals(problems("<p>{{event.key}}</p>"), ['t.html:1:6: there is no "event"']);
  assertEquals(problems('<p g-click="event.key"></p>').length, 1);
  for (const field of EVENT_FIELDS) compiled(`<p g-click="add(event.${field})"></p>`);
});

Deno.test("Dispatch: only methods of the class are handlers, with enough arguments", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["ad", '1:13: Board has no method "ad"; did you mean "add"?'],
    ["count", '1:13: "count" is a field, not a method: it cannot be called'],
    ["double()", '1:13: "double" is a getter, not a method: it cannot be called'],
    ["refresh", '1:13: "refresh" is called by the engine alone'],
    ["markRefresh('x')", '1:13: "markRefresh" is called by the engine alone'],
    ["constructor()", '1:13: "constructor" is not data'],
    ["__proto__", '1:13: "__proto__" is not data'],
    ["toString()", '1:13: Board has no method "toString"'],
    ["pick()", '1:13: "pick" needs 1 argument, and gets 0'],
    ["user.name()", "1:13: an event calls a method of the island, as in save(1)"],
    ["count = 1", '1:19: "=" has no meaning here'],
    ["add(); add()", '1:18: ";" has no meaning here'],
    ["", "1:13: an expression is missing"],
  ];
  for (const [call, problem] of cases) {
    assertEquals(problems(`<p g-click="${call}"></p>`), [`t.html:${problem}`], call);
  }
  assertEquals(problems('<p g-drop="took"></p><!---->'.replace("took", "missing")).length, 1);
  assertEquals(slots('<p g-drop="moved"></p>'), [["drop", [], ""]]);
});

Deno.test("held keys: modifiers of events that tell of them, beside keys", () => {
  const modifiersOf = (attribute: string) =>
    slotAt(compiled(`<p ${attribute}="add()"></p>`), "on").modifiers;
  assertEquals(modifiersOf("g-click.ctrl"), { held: ["ctrl"] });
  assertEquals(modifiersOf("g-keydown.ctrl.shift.k.prevent"), {
    prevent: true,
    keys: ["k"],
    held: ["ctrl", "shift"],
  });
  assertEquals(modifiersOf("g-keydown.Alt.META.control"), {
    keys: ["Control"],
    held: ["alt", "meta"],
  });
  for (const event of ["click", "dblclick", "auxclick", "contextmenu", "wheel", "mousedown"]) {
    assertEquals(modifiersOf(`g-${event}.shift`), { held: ["shift"] }, event);
  }
  assertEquals(problems('<p g-input.ctrl="add"></p>'), [
    't.html:1:4: there is no modifier "ctrl"',
  ]);
  assertEquals(problems('<p g-click.contrl="add"></p>')[0]?.includes("contrl"), true);
});

Deno.test("modifiers: what does not exist, or has no sense, is refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["g-click.prevnt", 'there is no modifier "prevnt"; did you mean "prevent"?'],
    ["g-click.throttle", ".throttle needs its milliseconds, as in .throttle(200)"],
    ["g-click.debounce(x)", 'there is no modifier "debounce(x)"; did you mean "debounce"?'],
    ["g-click:body", "an event is of its element, :window or :document, not :body"],
    ["g-click:window:document", "an event is of its element, :window or :document, not :window"],
    ["g-on", 'there is no event "on"'],
  ];
  for (const [attribute, problem] of cases) {
    assertEquals(problems(`<p ${attribute}="add"></p>`)[0], `t.html:1:4: ${problem}`, attribute);
  }
});

Deno.test("throttle and debounce wait as long as the limit, and no longer", () => {
  const wait = (name: string, ms: number) => on(`g-click.${name}(${ms})="add"`);
  for (const name of ["throttle", "debounce"]) {
    for (const ms of [1, EVENT_WAIT_MS_MAX - 1, EVENT_WAIT_MS_MAX]) {
      assertEquals(wait(name, ms), [["on", [], "click", "self", { [name]: ms }, []]]);
    }
    for (const ms of [0, EVENT_WAIT_MS_MAX + 1]) {
      assertEquals(problems(`<p g-click.${name}(${ms})="add"></p>`), [
        `t.html:1:4: .${name} waits from 1 to ${EVENT_WAIT_MS_MAX} ms`,
      ]);
    }
  }
});

Deno.test("client commands: done without the server", () => {
  const attribute =
    `g-do-click.prevent:window="toggle('#menu'); focus('#menu a'); addClass('li', 'on; off'); hide()"`;
  assertEquals(on(attribute), [[
    "do",
    [],
    "click",
    "window",
    { prevent: true },
    [["toggle", "#menu"], ["focus", "#menu a"], ["addClass", "li", "on; off"], ["hide", ""]],
  ]]);
  assertEquals(on(`g-do-on:done="toggleClass('open')"`), [
    ["do", [], "done", "self", {}, [["toggleClass", "", "open"]]],
  ]);
  const cases: readonly (readonly [string, string])[] = [
    ["togle('#a')", '1:16: there is no command "togle"; did you mean "toggle"?'],
    ["toggle", "1:16: a command is a call, as in toggle('#menu')"],
    ["toggle(text)", "1:23: a command's arguments are texts in quotes"],
    ["toggle('a', 'b')", '1:16: "toggle" takes a selector'],
    ["addClass()", '1:16: "addClass" takes a selector and a class'],
    ["show('a'); x", "1:27: a command is a call, as in toggle('#menu')"],
  ];
  for (const [commands, problem] of cases) {
    assertEquals(problems(`<p g-do-click="${commands}"></p>`), [`t.html:${problem}`], commands);
  }
});

Deno.test("Full grammar: what godom's validation refused compiles, what it let through is checked", () => {
  for (
    const text of [
      "on && off",
      "count + 1",
      "len(names)",
      "names.filter(n => n != 'a')",
      "1.5",
      "text + '!'",
      "count > 1 and not off or text == 'x'",
      "on ? 'a' : \"b\"".replaceAll('"', "'"),
      "user.address.town",
      "tasks[0].title",
      "!on",
    ]
  ) compiled(`<p g-text="${text}"></p>`);
  assertEquals(problems('<p g-text="Missing > 1"></p>'), ['t.html:1:12: there is no "Missing"']);
  assertEquals(problems('<p g-text="add"></p>'), [
    't.html:1:12: "add" is a method: write add(…) to call it',
  ]);
});
