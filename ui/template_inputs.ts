/** Directives of inputs: what they show, what they write, and what they send. */
import { isTrue } from "./expression_text.ts";
import type { Expression, InputKind, Path, Scope, Slot, Target } from "./program.ts";
import { TemplateError } from "./template_error.ts";
import { handlerCall } from "./template_events.ts";
import type { Checked, ExpressionCompiler, Names } from "./template_names.ts";
import { attributeOf, type TemplateAttribute, type TemplateElement } from "./template_tree.ts";

/** Bytes of a file that an upload takes, unless `g-upload-bytes` says otherwise: 10 MiB. */
export const UPLOAD_BYTES_DEFAULT = 10_485_760;
/** Files of an upload to an input with `multiple`, unless `g-upload-files` says otherwise. */
export const UPLOAD_FILES_DEFAULT = 10;
/** Bytes that `g-upload-bytes` may allow: 4 GiB. */
export const UPLOAD_BYTES_MAX = 4_294_967_296;
/** Files that `g-upload-files` may allow. */
export const UPLOAD_FILES_MAX = 1_000;

/** Where a directive stands. */
export interface DirectivePlace {
  readonly element: TemplateElement;
  readonly attribute: TemplateAttribute;
  readonly names: Names;
  readonly path: Path;
  readonly compiler: ExpressionCompiler;
  /** The block's radio buttons so far. */
  readonly radios: RadioGroup[];
}

/** A radio button whose field is true or false. */
interface RadioGroup {
  readonly name: string;
  readonly target: Target;
}

/** Types of inputs that are no text. */
const INPUT_KINDS: ReadonlyMap<string, InputKind | null> = new Map<string, InputKind | null>([
  ["checkbox", "checkbox"],
  ["date", "date"],
  ["datetime-local", "date"],
  ["month", "date"],
  ["number", "number"],
  ["radio", "radio"],
  ["range", "range"],
  ["time", "date"],
  ["week", "date"],
  ["button", null],
  ["file", null],
  ["image", null],
  ["reset", null],
  ["submit", null],
]);

/** `g-bind`: the input shows a field and writes it. */
export function boundSlot(at: DirectivePlace): Slot {
  const { attribute, names, path, compiler } = at;
  const input = inputKind(at);
  const checked = compiler.target(attribute.value, names);
  if (input === "radio") return radioSlot(at, checked);
  return { kind: "bind", path, input, value: checked.value, option: null };
}

/** `g-checked`: a box or a radio button shows a field and writes it, or only shows an expression. */
export function checkedSlot(at: DirectivePlace): Slot {
  const { attribute, names, path, compiler } = at;
  const input = inputKind(at);
  if (input !== "checkbox" && input !== "radio") {
    throw new TemplateError(attribute.place, "g-checked is for checkboxes and radio buttons");
  }
  const checked = compiler.checked(attribute.value, names);
  const { kind } = checked.node;
  const isField = kind === "member" || kind === "index" ||
    kind === "name" && !isLoopVariable(checked.node.name, names);
  if (!isField || !isWritable(at)) {
    const { value } = checked;
    const evaluate = (scope: Scope) => isTrue(value.evaluate(scope), scope.tracker);
    return { kind: "prop", path, name: "checked", value: { ...value, evaluate } };
  }
  const target = compiler.target(attribute.value, names);
  if (input === "radio") return radioSlot(at, target);
  return { kind: "bind", path, input, value: target.value, option: null };
}

/** `g-upload`: a method is called with the files of an input. */
export function uploadSlot({ element, attribute, names, path, compiler }: DirectivePlace): Slot {
  if (element.tag !== "input" || attributeOf(element, "type")?.value.text !== "file") {
    throw new TemplateError(attribute.place, 'g-upload is for <input type="file">');
  }
  const { call } = handlerCall(attribute.value, names, compiler, { given: 1 });
  const accept = attributeOf(element, "accept")?.value.text ?? "";
  const files = attributeOf(element, "multiple") ? UPLOAD_FILES_DEFAULT : 1;
  return {
    kind: "upload",
    path,
    call,
    accept,
    bytesMax: limitOf(element, "g-upload-bytes", UPLOAD_BYTES_DEFAULT, UPLOAD_BYTES_MAX),
    filesMax: limitOf(element, "g-upload-files", files, UPLOAD_FILES_MAX),
  };
}

/** A getter alone is shown, and not written. */
function isWritable({ attribute, names, compiler }: DirectivePlace): boolean {
  return compiler.isWritable(attribute.value, names);
}

function isLoopVariable(name: string, { environment }: Names): boolean {
  const binding = environment.names.get(name);
  return binding !== undefined && binding.alias === null;
}

function radioSlot(at: DirectivePlace, { value, shape }: Checked<Target>): Slot {
  const { element, names, path, compiler, radios } = at;
  const option = attributeOf(element, "value") ?? attributeOf(element, "g-value");
  if (shape.kind !== "boolean") {
    if (option === undefined) {
      const problem = "a radio button needs the value that it stands for";
      throw new TemplateError(element.place, problem);
    }
    const stands = option.name === "value"
      ? fixed(option, compiler.attribute(option.value, names))
      : compiler.expression(option.value, names);
    return { kind: "bind", path, input: "radio", value, option: stands };
  }
  const name = attributeOf(element, "name")?.value.text ?? "";
  const group: RadioGroup = { name, target: value };
  radios.push(group);
  const target: Target = {
    ...value,
    assign(scope, isChosen) {
      // Browsers do not say that the others of the group are chosen no longer.
      for (const other of radios) {
        if (other !== group && other.name === name && name !== "") {
          other.target.assign(scope, false);
        }
      }
      value.assign(scope, isChosen);
    },
  };
  return { kind: "bind", path, input: "radio", value: target, option: null };
}

function fixed({ value }: TemplateAttribute, text: string | Expression): Expression {
  if (typeof text !== "string") return text;
  return { place: value.placeAt(0), text, evaluate: () => text };
}

function inputKind({ element, attribute }: DirectivePlace): InputKind {
  const { tag } = element;
  if (tag === "textarea") return "text";
  if (tag === "select") return attributeOf(element, "multiple") ? "multiple" : "select";
  if (tag !== "input") {
    const problem = `${attribute.name} is for input, select and textarea, not <${tag}>`;
    throw new TemplateError(attribute.place, problem);
  }
  const type = attributeOf(element, "type");
  const name = type?.value.text.trim().toLowerCase() ?? "text";
  if (name.includes("{{")) {
    throw new TemplateError(attribute.place, `${attribute.name} needs an input of a fixed type`);
  }
  const kind = INPUT_KINDS.get(name);
  if (kind !== null) return kind ?? "text";
  const hint = name === "file" ? ": use g-upload" : "";
  throw new TemplateError(attribute.place, `${attribute.name} is not for type="${name}"${hint}`);
}

function limitOf(element: TemplateElement, name: string, otherwise: number, max: number): number {
  const attribute = attributeOf(element, name);
  if (attribute === undefined) return otherwise;
  const limit = Number(attribute.value.text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return limit;
  throw new TemplateError(attribute.value.placeAt(0), `${name} is a number from 1 to ${max}`);
}
