/**
 * Directives of events: what a browser listens for, when it passes an event over, and what it then calls.
 *
 *     g-click="add(1)"      g-submit.prevent="save"      g-keydown.enter:window="send(event.key)"
 *     g-keydown="Enter:add();Escape:clear()"             g-on:my-event="heard(event.detail)"
 *     g-do-click="toggle('#menu'); focus('#menu a')"     without asking the server
 */
import { EVENT_FIELDS, EVENTS, KEY_CODE, KEYS } from "./event_names.ts";
import { ANY } from "./expression_shape.ts";
import { isVariableName, parseExpression, type SyntaxNode } from "./expression_syntax.ts";
import type { ClientCommand, EventModifiers, EventTarget, HeldKey, Path, Slot } from "./program.ts";
import { nearestName, TemplateError } from "./template_error.ts";
import { type ExpressionCompiler, type Names, withVariables } from "./template_names.ts";
import { sliceOf, type SourceText } from "./template_source.ts";
import { trimmed } from "./template_text.ts";
import type { TemplateAttribute } from "./template_tree.ts";

/** The name under which a handler's arguments find the event. */
export const EVENT_NAME = "event";

/** Milliseconds of `.throttle` and `.debounce`. */
export const EVENT_WAIT_MS_MAX = 60_000;

/** An event directive's name, taken apart. */
interface Listener {
  readonly event: string;
  readonly target: EventTarget;
  readonly modifiers: EventModifiers;
  readonly isClient: boolean;
}

type OnSlot = Slot & { readonly kind: "on" };

/** Fields of the event that godom puts before the arguments, where a handler is named without any. */
const GIVEN: Readonly<Record<string, readonly string[]>> = {
  mousedown: ["clientX", "clientY"],
  mousemove: ["clientX", "clientY"],
  mouseup: ["clientX", "clientY"],
  scroll: ["scrollTop", "scrollHeight", "clientHeight"],
  wheel: ["deltaY"],
};

/** Events that tell which keys are held, and those keys. */
const HELD_EVENTS =
  /^(?:aux|dbl)?click$|^contextmenu$|^wheel$|^drop$|^(?:key|mouse|pointer|touch|drag)[a-z]+$/;
const HELD_KEYS: readonly string[] = ["ctrl", "shift", "alt", "meta"];

const COMMANDS: ReadonlyMap<string, number> = new Map([
  ["show", 0],
  ["hide", 0],
  ["toggle", 0],
  ["focus", 0],
  ["blur", 0],
  ["addClass", 1],
  ["removeClass", 1],
  ["toggleClass", 1],
]);

/** Whether a directive is one of an event. */
export function isEvent(name: string): boolean {
  const [event = ""] = name.replace(/^g-(?:do-)?/, "").split(/[.:]/);
  return name.startsWith("g-") && (event === "on" || event === "do-on" || EVENTS.has(event));
}

/** The slots of an event directive. */
export function eventSlots(
  attribute: TemplateAttribute,
  path: Path,
  names: Names,
  compiler: ExpressionCompiler,
): readonly Slot[] {
  const listener = listenerOf(attribute);
  const { event, target, modifiers, isClient } = listener;
  if (isClient) {
    return [{ kind: "do", path, event, target, modifiers, commands: commandsOf(attribute.value) }];
  }
  const slots: OnSlot[] = [];
  for (
    const { keys, source } of handlersOf(attribute.value, /^key(?:down|up|press)$/.test(event))
  ) {
    compiler.attempt(() => {
      const both = keys === null ? modifiers : { ...modifiers, keys };
      slots.push({ kind: "on", path, event, target, modifiers: both, ...called(source) });
    });
  }
  return slots;

  function called(source: SourceText): Pick<OnSlot, "call" | "wants"> {
    return handlerCall(source, names, compiler, { given: 0, event });
  }
}

/**
 * Compiles the call of a handler whose arguments may name fields of the event.
 *
 * @param given arguments that the engine puts before those of the template
 */
export function handlerCall(
  source: SourceText,
  names: Names,
  compiler: ExpressionCompiler,
  { given = 0, event = "" }: { readonly given?: number; readonly event?: string },
): Pick<OnSlot, "call" | "wants"> {
  const wants = new Set<string>();
  const text = trimmed(source);
  let node = parseExpression(text);
  const parameter = node.kind === "name" ? names.parameters.get(node.name) : undefined;
  if (parameter !== undefined) {
    // The call is the caller's, and sees its names; here there may be more variables.
    const { depth } = names.environment;
    const environment = { ...parameter.names.environment, depth };
    const outer = { ...parameter.names, environment };
    return handlerCall(parameter.source, outer, compiler, { given, event });
  }
  node = withMethod(node, names);
  const fields = node.kind === "name" && Object.hasOwn(GIVEN, event) ? GIVEN[event] ?? [] : [];
  if (fields.length > 0) node = givenCall(node, fields);
  node = withFields(node, (name, at) => {
    if (EVENT_FIELDS.has(name)) {
      wants.add(name);
      return;
    }
    const near = nearestName(name, EVENT_FIELDS);
    throw new TemplateError(text.placeAt(at), `events have no "${name}" to send`, near);
  });
  const inner = withVariables(names, [[EVENT_NAME, ANY]]);
  return { call: compiler.handler(node, text, inner, given), wants: [...wants] };
}

/** Takes the name of a directive apart: event, modifiers, target. */
function listenerOf({ writtenName, place }: TemplateAttribute): Listener {
  const problem = (what: string, near: string | null = null) =>
    new TemplateError(place, what, near);
  const isClient = /^g-do-/i.test(writtenName);
  const rest = writtenName.replace(/^g-(?:do-)?/i, "");
  const custom = /^on:([^.:]+)(.*)$/i.exec(rest);
  const known = /^([^.:]+)(.*)$/.exec(rest);
  const [, name = "", tail = ""] = custom ?? known ?? [];
  const event = custom ? name : name.toLowerCase();
  const [dotted = "", where, ...more] = tail.split(":");
  if (!custom && !EVENTS.has(event)) {
    throw problem(`there is no event "${event}"`, nearestName(event, EVENTS));
  }
  const target = where?.toLowerCase() ?? "self";
  if (more.length > 0 || target !== "self" && target !== "window" && target !== "document") {
    throw problem(`an event is of its element, :window or :document, not :${where}`);
  }
  return { event, target, modifiers: modifiersOf(dotted, event, problem), isClient };
}

function modifiersOf(
  dotted: string,
  event: string,
  problem: (what: string, near?: string | null) => TemplateError,
): EventModifiers {
  const modifiers: { -readonly [name in keyof EventModifiers]: EventModifiers[name] } = {};
  const keys: string[] = [];
  const held: HeldKey[] = [];
  const isHeldTold = HELD_EVENTS.test(event);
  const plain = ["prevent", "stop", "once", "self", "throttle", "debounce"];
  const names = isHeldTold ? [...plain, ...HELD_KEYS] : plain;
  for (const written of dotted.split(".").slice(1)) {
    const lower = written.toLowerCase();
    const wait = /^(throttle|debounce)\((\d+)(?:ms)?\)$/.exec(lower);
    if (wait !== null) {
      const ms = Number(wait[2]);
      if (ms < 1 || ms > EVENT_WAIT_MS_MAX) {
        throw problem(`.${wait[1]} waits from 1 to ${EVENT_WAIT_MS_MAX} ms`);
      }
      modifiers[wait[1] as "throttle" | "debounce"] = ms;
    } else if (lower === "throttle" || lower === "debounce") {
      throw problem(`.${lower} needs its milliseconds, as in .${lower}(200)`);
    } else if (lower === "prevent" || lower === "stop" || lower === "once" || lower === "self") {
      modifiers[lower] = true;
    } else if (isHeldTold && HELD_KEYS.includes(lower)) {
      held.push(lower as HeldKey);
    } else {
      const key = event.startsWith("key") ? keyOf(written) : null;
      if (key === null) {
        const known = event.startsWith("key") ? [...names, ...KEYS.keys()] : names;
        throw problem(`there is no modifier "${written}"`, nearestName(lower, known));
      }
      keys.push(key);
    }
  }
  return {
    ...modifiers,
    ...(keys.length > 0 ? { keys } : {}),
    ...(held.length > 0 ? { held } : {}),
  };
}

/** The key as browsers name it; null if there is none. */
function keyOf(written: string): string | null {
  const known = KEYS.get(written.toLowerCase());
  if (known !== undefined) return known;
  return [...written].length === 1 || KEY_CODE.test(written) ? written : null;
}

/** A directive's handlers; those of keys may be several, each with its key. */
function handlersOf(
  value: SourceText,
  isOfKeys: boolean,
): readonly { keys: readonly string[] | null; source: SourceText }[] {
  if (!isOfKeys) return [{ keys: null, source: value }];
  return splitAt(value, /[;,]/).map((source) => {
    const [head, written] = /^\s*("[^"]+"|'[^']+'|[A-Za-z0-9]+)\s*:/.exec(source.text) ?? [];
    if (head === undefined || written === undefined) return { keys: null, source };
    const name = written.replace(/^["']|["']$/g, "");
    const key = keyOf(name);
    if (key === null) {
      const place = source.placeAt(head.indexOf(written));
      throw new TemplateError(place, `there is no key "${name}"`, nearestName(name, KEYS.values()));
    }
    return { keys: [key], source: sliceOf(source, head.length) };
  });
}

/** Parts of a text between signs that stand outside of quotes and brackets. */
function splitAt(source: SourceText, sign: RegExp): readonly SourceText[] {
  const parts: SourceText[] = [];
  let from = 0;
  let depth = 0;
  for (const { 0: token, index } of source.text.matchAll(/"[^"]*"|'[^']*'|[^]/g)) {
    if ("([{".includes(token)) depth++;
    else if (")]}".includes(token)) depth--;
    else if (depth === 0 && sign.test(token) && token.length === 1) {
      parts.push(sliceOf(source, from, index));
      from = index + 1;
    }
  }
  parts.push(sliceOf(source, from));
  return parts.filter(({ text }, index) => text.trim() !== "" || parts.length === 1 && index === 0);
}

function commandsOf(value: SourceText): readonly ClientCommand[] {
  return splitAt(value, /;/).map((part) => {
    const source = trimmed(part);
    const node = parseExpression(source);
    const problem = (at: number, what: string, near: string | null = null) =>
      new TemplateError(source.placeAt(at), what, near);
    if (node.kind !== "call" || node.callee.kind !== "name") {
      throw problem(0, "a command is a call, as in toggle('#menu')");
    }
    const { name } = node.callee;
    const more = COMMANDS.get(name);
    if (more === undefined) {
      throw problem(0, `there is no command "${name}"`, nearestName(name, COMMANDS.keys()));
    }
    const texts = node.args.map((arg) => {
      if (arg.kind === "literal" && typeof arg.value === "string") return arg.value;
      throw problem(arg.at, "a command's arguments are texts in quotes");
    });
    if (texts.length === more && (more === 0 || texts.length === 1)) texts.unshift("");
    if (texts.length !== more + 1) {
      throw problem(0, `"${name}" takes a selector${more === 1 ? " and a class" : ""}`);
    }
    return [name, ...texts] as unknown as ClientCommand;
  });
}

/** The call of a method that a partial knows by its parameter's name. */
function withMethod(node: SyntaxNode, names: Names): SyntaxNode {
  if (node.kind !== "call" || node.callee.kind !== "name") return node;
  const parameter = names.parameters.get(node.callee.name);
  const name = parameter?.source.text.trim() ?? "";
  if (parameter === undefined || !isVariableName(name)) return node;
  return withMethod({ ...node, callee: { ...node.callee, name } }, parameter.names);
}

function givenCall(callee: SyntaxNode, fields: readonly string[]): SyntaxNode {
  const { at } = callee;
  const object: SyntaxNode = { kind: "name", at, name: EVENT_NAME };
  const args = fields.map((name): SyntaxNode => {
    return { kind: "member", at, object, name, nameAt: at, isOptional: false };
  });
  return { kind: "call", at, callee, args };
}

/** Names each field of the event that a tree reads; `event.target.value` is `event.value`. */
function withFields(node: SyntaxNode, name: (field: string, at: number) => void): SyntaxNode {
  const inside = (inner: SyntaxNode) => withFields(inner, name);
  switch (node.kind) {
    case "member": {
      const { object } = node;
      const isOfTarget = object.kind === "member" && isEventNode(object.object) &&
        (object.name === "target" || object.name === "currentTarget");
      if (isOfTarget || isEventNode(object)) {
        name(node.name, node.nameAt);
        return isOfTarget ? { ...node, object: object.object } : node;
      }
      return { ...node, object: inside(object) };
    }
    case "index":
      return { ...node, object: inside(node.object), index: inside(node.index) };
    case "call": {
      const callee = node.callee.kind === "name" ? node.callee : inside(node.callee);
      return { ...node, callee, args: node.args.map(inside) };
    }
    case "unary":
      return { ...node, operand: inside(node.operand) };
    case "binary":
      return { ...node, left: inside(node.left), right: inside(node.right) };
    case "ternary":
      return { ...node, test: inside(node.test), yes: inside(node.yes), no: inside(node.no) };
    case "list":
      return { ...node, items: node.items.map(inside) };
    case "object": {
      const fields = node.fields.map(([key, value]) => [key, inside(value)] as const);
      return { ...node, fields };
    }
    case "arrow":
      return { ...node, body: inside(node.body) };
    case "name":
      // The event as a whole is not sent.
      if (node.name === EVENT_NAME) name("", node.at);
      return node;
    case "literal":
      return node;
  }
}

function isEventNode(node: SyntaxNode): boolean {
  return node.kind === "name" && node.name === EVENT_NAME;
}
