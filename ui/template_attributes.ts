/** Attributes of an element, as static ones and slots. */
import { isTrue, shownText } from "./expression_text.ts";
import type { Expression, Path, Scope, Slot } from "./program.ts";
import type { HandedAttribute } from "./partials.ts";
import { STRUCTURE } from "./partials.ts";
import { sanitised } from "./sanitised_html.ts";
import { nearestName, TemplateError } from "./template_error.ts";
import {
  CONTENTS,
  DIRECTIVES,
  GROUPED,
  NAMED,
  NO_MARKUP_TAGS,
  REFUSED_PROPERTIES,
  VOID_TAGS,
} from "./directive_names.ts";
import { dragSlot } from "./template_drag.ts";
import { eventSlots, isEvent } from "./template_events.ts";
import { EVENTS } from "./event_names.ts";
import { boundSlot, checkedSlot, type DirectivePlace, uploadSlot } from "./template_inputs.ts";
import type { ExpressionCompiler } from "./template_names.ts";
import { isAddress, isCode, isCodeAddress, safeAttribute } from "./template_safety.ts";
import { styleParts } from "./template_style.ts";
import { type CompiledPart, joined } from "./template_text.ts";
import { attributeOf, type TemplateAttribute, type TemplateElement } from "./template_tree.ts";

/** What an element's attributes come to. */
export interface ElementAttributes {
  readonly statics: readonly (readonly [name: string, value: string])[];
  readonly slots: readonly Slot[];
  /** Its text, in place of its children. */
  readonly text: Expression | null;
  /** Whether its children are left out: something else fills it. */
  readonly isOpaque: boolean;
}

/** What is needed besides the element. */
export interface AttributeContext {
  readonly compiler: ExpressionCompiler;
  readonly path: Path;
  /** Names of plugins, if they are known. */
  readonly plugins: ReadonlySet<string> | null;
  readonly radios: DirectivePlace["radios"];
}

/** Names that `setAttribute` takes. */
const ATTRIBUTE_NAME = /^[A-Za-z_][\w.:-]*$/;

/** Reads the attributes of an element. */
export function elementAttributes(
  element: TemplateElement,
  attributes: readonly HandedAttribute[],
  context: AttributeContext,
): ElementAttributes {
  const reader = new AttributeReader(element, attributes, context);
  for (const handed of attributes) context.compiler.attempt(() => reader.read(handed));
  return reader.finish();
}

class AttributeReader {
  readonly #element: TemplateElement;
  readonly #all: readonly HandedAttribute[];
  readonly #context: AttributeContext;
  readonly #statics: [string, string][] = [];
  readonly #slots: Slot[] = [];
  readonly #classes: CompiledPart[] = [];
  readonly #switches: { readonly name: string; readonly value: Expression }[] = [];
  #text: Expression | null = null;
  #isOpaque = false;

  constructor(
    element: TemplateElement,
    attributes: readonly HandedAttribute[],
    context: AttributeContext,
  ) {
    this.#element = element;
    this.#all = attributes;
    this.#context = context;
  }

  read({ attribute, names }: HandedAttribute): void {
    const { compiler, path, radios } = this.#context;
    const { name } = attribute;
    if (name.startsWith(":") || STRUCTURE.has(name)) return;
    if (!name.startsWith("g-")) return this.#plain({ attribute, names });
    if (isEvent(name)) {
      this.#slots.push(...eventSlots(attribute, path, names, compiler));
      return;
    }
    const at = { element: this.#element, attribute, names, path, compiler, radios };
    const [directive = "", ...rest] = attribute.writtenName.split(":");
    this.#directive(directive.toLowerCase(), rest.join(":"), at);
  }

  finish(): ElementAttributes {
    const { path } = this.#context;
    if (this.#classes.some((part) => typeof part === "object")) {
      this.#slots.push({ kind: "attr", path, name: "class", value: this.#wholeClass() });
    } else {
      for (const { name, value } of this.#switches) {
        this.#slots.push({ kind: "class", path, name, value });
      }
      if (this.#classes.length > 0) this.#statics.push(["class", this.#classes.join(" ")]);
    }
    const changing = new Set(this.#slots.map((slot) => slot.kind === "attr" ? slot.name : ""));
    return {
      // What changes is said by its slot alone.
      statics: this.#statics.filter(([name]) => !changing.has(name)),
      slots: this.#slots,
      text: this.#text,
      isOpaque: this.#isOpaque,
    };
  }

  #plain({ attribute, names }: HandedAttribute): void {
    const { compiler } = this.#context;
    const { name, value, place } = attribute;
    if (isCode(name)) {
      const event = name.slice(2).toLowerCase();
      const hint = EVENTS.has(event) ? `: use g-${event}` : "";
      throw new TemplateError(place, `the attribute "${name}" would run code${hint}`);
    }
    if (name === "style" && value.text.includes("{{")) return this.#style({ attribute, names });
    const compiled = compiler.attribute(value, names);
    if (name === "class") {
      this.#classes.push(compiled);
    } else if (typeof compiled === "object") {
      this.#attribute(attribute.name, compiled, attribute);
    } else if (isAddress(name) && isCodeAddress(compiled)) {
      throw new TemplateError(place, `the address in "${name}" would run code`);
    } else {
      this.#statics.push([name, compiled]);
    }
  }

  #directive(directive: string, name: string, at: DirectivePlace): void {
    const { attribute, names, path, compiler } = at;
    const { value, place } = attribute;
    const expression = () => compiler.expression(value, names);
    if (name === "" && NAMED.has(directive)) {
      throw new TemplateError(place, `${directive} needs a name, as in ${directive}:name`);
    }
    if (name !== "" && !NAMED.has(directive) && !GROUPED.has(directive)) {
      throw new TemplateError(place, `${directive} has no name behind a colon`);
    }
    switch (directive) {
      case "g-text":
      case "g-html":
      case "g-plugin":
      case "g-island":
        return this.#contents(directive, name, at);
      case "g-bind":
        return this.#input("g-bind", boundSlot(at));
      case "g-checked":
        return this.#input("g-checked", checkedSlot(at));
      case "g-value":
        return this.#value(at);
      case "g-show":
      case "g-hide":
        return this.#show(directive === "g-hide", at);
      case "g-class":
        this.#switches.push({ name, value: expression() });
        return;
      case "g-attr":
        return this.#attribute(name, expression(), attribute);
      case "g-style":
        this.#slots.push({ kind: "style", path, name, value: expression() });
        return;
      case "g-prop":
        return this.#property(name, expression(), attribute);
      case "g-draggable":
      case "g-drop":
      case "g-dropzone":
        return this.#drag(directive, name, at);
      case "g-shadow":
        return this.#needs("g-island", attribute);
      case "g-upload":
        this.#slots.push(uploadSlot(at));
        return;
      case "g-upload-bytes":
      case "g-upload-files":
        return this.#needs("g-upload", attribute);
      case "g-pending":
        this.#statics.push([attribute.name, value.text]);
        return;
    }
    this.#unknown(attribute);
  }

  #unknown({ writtenName, place }: TemplateAttribute): never {
    const bare = writtenName.split(/[.:]/)[0] as string;
    const known = [...DIRECTIVES, ...[...EVENTS].map((event) => `g-${event}`)];
    const near = nearestName(bare, known.map((name) => name.replace(/:$/, "")));
    throw new TemplateError(place, `there is no directive "${bare}"`, near);
  }

  #contents(directive: string, name: string, at: DirectivePlace): void {
    const { attribute, names, path, compiler } = at;
    const { place, value } = attribute;
    const rivals = this.#all.filter(({ attribute: other }) =>
      CONTENTS.includes(other.name.split(":")[0] as string)
    );
    if (rivals[0]?.attribute !== attribute) {
      throw new TemplateError(place, "an element has its contents from one directive only");
    }
    const { tag, namespace } = this.#element;
    const isNoMarkup = NO_MARKUP_TAGS.has(tag) || namespace !== "html";
    if (VOID_TAGS.has(tag) || directive === "g-html" && isNoMarkup) {
      const hint = tag === "p" ? ": use a <div>" : "";
      throw new TemplateError(place, `<${tag}> cannot have ${directive}${hint}`);
    }
    if (directive === "g-text") {
      this.#text = compiler.expression(value, names);
      return;
    }
    this.#isOpaque = true;
    if (directive === "g-html") {
      const html = compiler.expression(value, names);
      const evaluate = (scope: Scope) => sanitised(html.evaluate(scope));
      this.#slots.push({ kind: "html", path, value: { ...html, evaluate } });
    } else if (directive === "g-plugin") {
      this.#plugin(name, at);
    } else {
      const island = value.text.trim();
      if (island === "" || island.includes("{{")) {
        throw new TemplateError(value.placeAt(0), "g-island has the name of an island");
      }
      const isShadow = attributeOf(this.#element, "g-shadow") !== undefined;
      // The bridge finds nested islands by it, and leaves what is in them alone.
      this.#statics.push(["g-island", island]);
      if (isShadow) this.#statics.push(["g-shadow", ""]);
      this.#slots.push({ kind: "island", path, name: island, isShadow });
    }
  }

  #plugin(name: string, { attribute, names, path, compiler }: DirectivePlace): void {
    const { plugins } = this.#context;
    if (plugins !== null && !plugins.has(name)) {
      throw new TemplateError(
        attribute.place,
        `there is no plugin "${name}"`,
        nearestName(name, plugins),
      );
    }
    const value = compiler.expression(attribute.value, names);
    this.#slots.push({ kind: "plugin", path, name, value });
  }

  #input(directive: string, slot: Slot): void {
    const others = [
      "g-bind",
      "g-checked",
      ...(slot.kind === "bind" && slot.input === "radio" ? [] : ["g-value"]),
    ];
    const rivals = this.#all.filter(({ attribute }) => others.includes(attribute.name));
    if (rivals.length > 1) {
      const place = (rivals[1] as HandedAttribute).attribute.place;
      throw new TemplateError(place, `an input with ${directive} has no other binding`);
    }
    this.#slots.push(slot);
  }

  #value({ attribute, names, path, compiler }: DirectivePlace): void {
    const value = compiler.expression(attribute.value, names);
    const isOption = attributeOf(this.#element, "type")?.value.text === "radio";
    // Of a radio button, as of an option, the value says what it stands for.
    const kind = isOption || this.#element.tag === "option" ? "attr" : "prop";
    this.#slots.push({ kind, path, name: "value", value });
  }

  #show(isHidden: boolean, { attribute, names, path, compiler }: DirectivePlace): void {
    const both = this.#all.filter(({ attribute: { name } }) => /^g-(?:show|hide)$/.test(name));
    if (both[0]?.attribute !== attribute) {
      throw new TemplateError(attribute.place, "use g-show or g-hide, not both");
    }
    const shown = compiler.expression(attribute.value, names);
    const evaluate = (scope: Scope) => isTrue(shown.evaluate(scope), scope.tracker) !== isHidden;
    this.#slots.push({ kind: "show", path, value: { ...shown, evaluate } });
  }

  #attribute(name: string, value: Expression, { place }: TemplateAttribute): void {
    if (isCode(name)) throw new TemplateError(place, `the attribute "${name}" would run code`);
    if (!ATTRIBUTE_NAME.test(name)) {
      throw new TemplateError(place, `"${name}" is no name of an attribute that can change`);
    }
    if (name === "style") throw new TemplateError(place, "use g-style:property for styles");
    if (name === "class") {
      this.#classes.push(value);
      return;
    }
    this.#refuseAnimation(name, place);
    const { path } = this.#context;
    if (this.#slots.some((slot) => slot.kind === "attr" && slot.name === name)) {
      throw new TemplateError(place, `the attribute "${name}" has two expressions`);
    }
    this.#slots.push({ kind: "attr", path, name, value: guarded(this.#element, name, value) });
  }

  #property(written: string, value: Expression, { place }: TemplateAttribute): void {
    const name = written.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    if (isCode(name) || !/^[A-Za-z_$][\w$]*$/.test(name) || REFUSED_PROPERTIES.has(name)) {
      throw new TemplateError(place, `the property "${name}" cannot be set from a template`);
    }
    this.#refuseAnimation(name, place);
    const { path } = this.#context;
    this.#slots.push({ kind: "prop", path, name, value: guarded(this.#element, name, value) });
  }

  /** SVG's animations can write addresses. */
  #refuseAnimation(name: string, place: TemplateAttribute["place"]): void {
    if (!/^(?:animate|set)/.test(this.#element.tag)) return;
    const target = attributeOf(this.#element, "attributeName")?.value.text;
    const isAddressed = target === undefined || isAddress(target.trim()) || target.includes("{{");
    if (name === "attributeName" || isAddressed && /^(?:to|from|by|values)$/.test(name)) {
      throw new TemplateError(place, "an animation of an address cannot change");
    }
  }

  #style({ attribute, names }: HandedAttribute): void {
    const { compiler, path } = this.#context;
    const { text, changing } = styleParts(attribute.value);
    if (text !== "") this.#statics.push(["style", text]);
    for (const { name, source } of changing) {
      const value = joined(compiler.parts(source, names));
      this.#slots.push({ kind: "style", path, name, value });
    }
  }

  #drag(directive: string, group: string, at: DirectivePlace): void {
    if (directive === "g-draggable" && attributeOf(this.#element, "draggable") === undefined) {
      const isThere = this.#statics.some(([name]) => name === "draggable");
      if (!isThere) this.#statics.push(["draggable", "true"]);
    }
    const slot = dragSlot(directive, group, at, this.#all);
    if (slot !== null) this.#slots.push(slot);
  }

  #needs(directive: string, attribute: TemplateAttribute): void {
    if (this.#all.some(({ attribute: { name } }) => name === directive)) return;
    throw new TemplateError(attribute.place, `${attribute.name} needs ${directive} beside it`);
  }

  /** The classes as one text: what changes them one by one would be lost when the text changes. */
  #wholeClass(): Expression {
    const classes = [...this.#classes];
    const switches = [...this.#switches];
    const start = classes.find((part) => typeof part === "object") as Expression;
    return {
      place: start.place,
      text: start.text,
      evaluate(scope) {
        const names = classes.map((part) =>
          typeof part === "string" ? part : shownText(part.evaluate(scope), scope.tracker)
        );
        for (const { name, value } of switches) {
          if (isTrue(value.evaluate(scope), scope.tracker)) names.push(name);
        }
        return names.join(" ").trim();
      },
    };
  }
}

/** An expression whose value an attribute or property of this name may have; null otherwise. */
function guarded({ tag }: TemplateElement, name: string, value: Expression): Expression {
  // Only an <object> loads its data.
  if (!isAddress(name) || name.toLowerCase() === "data" && tag !== "object") return value;
  return {
    ...value,
    evaluate(scope) {
      const address = value.evaluate(scope);
      if (address === null || address === undefined || typeof address === "boolean") return address;
      return safeAttribute(name, shownText(address, scope.tracker));
    },
  };
}
