/**
 * What a template is compiled to: blocks of static markup, each with the places in it that change.
 *
 *     block   one element, cloned for each time that it is shown: the island's root, the body of a list,
 *             a branch of a condition
 *     slot    a place in a block, found by its path; what it shows comes from an expression
 *
 * The server keeps the expressions; browsers get a `ClientTable`, which has none.
 */

/** Where something stands in a template. */
export interface SourcePlace {
  /** The template's file, or a name for one that is given as text. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** What expressions are evaluated in. */
export interface Scope {
  /** The island's object, or its proxy while a handler runs. */
  readonly state: object;
  /** The loop variables, from the outermost loop to the innermost. */
  readonly variables: readonly unknown[];
  /** Is told of each read of a property; absent where nobody wants to know. */
  readonly tracker?: Tracker;
}

/** Hears what an expression depends on. */
export interface Tracker {
  /** A property was read. */
  read(object: object, key: PropertyKey): void;
  /** Code of the author ran: what it read is not known. */
  opaque(): void;
}

/** A compiled expression. It may throw what the author's code throws. */
export interface Expression {
  readonly place: SourcePlace;
  /** As it is written in the template. */
  readonly text: string;
  evaluate(scope: Scope): unknown;
}

/** A call of a handler: its arguments are evaluated when the event arrives. */
export interface HandlerCall {
  readonly place: SourcePlace;
  readonly text: string;
  /** The method of the island's class. */
  readonly method: string;
  readonly args: readonly Expression[];
}

/** A place that a bound input writes to: a field, an element of a list or map, a field of either. */
export interface Target extends Expression {
  /** Writes the value; the kind of what is there now decides how text is read. */
  assign(scope: Scope, value: unknown, input?: InputKind): void;
}

/** From a block's element down: the index of the child at each step. */
export type Path = readonly number[];

/** Where a browser listens for an event. */
export type EventTarget = "self" | "window" | "document";

/** Keys that change what others mean. */
export type HeldKey = "alt" | "ctrl" | "meta" | "shift";

/** What an event does besides calling its handler, and when it is passed over. */
export interface EventModifiers {
  readonly prevent?: true;
  readonly stop?: true;
  readonly once?: true;
  /** Only when the element itself is the event's target. */
  readonly self?: true;
  /** At most once in so many milliseconds. */
  readonly throttle?: number;
  /** Only when so many milliseconds were quiet. */
  readonly debounce?: number;
  /** Only these keys, as `KeyboardEvent.key` names them. */
  readonly keys?: readonly string[];
  /** Only while all these keys are held, by the event's property without `Key`; others may be as well. */
  readonly held?: readonly HeldKey[];
}

/** How a bound input shows and reads its value. */
export type InputKind =
  | "text"
  | "checkbox"
  | "radio"
  | "select"
  | "multiple"
  | "number"
  | "range"
  | "date";

/** A command and its texts: of what a selector finds, the element itself for an empty one. */
export type ClientCommand = readonly [
  name: "show" | "hide" | "toggle" | "addClass" | "removeClass" | "toggleClass" | "focus" | "blur",
  selector: string,
  ...rest: readonly string[],
];

/** A place in a block that changes, or that browsers report from. */
export type Slot =
  | { readonly kind: "text"; readonly path: Path; readonly value: Expression }
  | {
    readonly kind: "attr" | "prop" | "class" | "style";
    readonly path: Path;
    /** Of the attribute, property, class or style property. */
    readonly name: string;
    readonly value: Expression;
  }
  | { readonly kind: "show"; readonly path: Path; readonly value: Expression }
  | { readonly kind: "html"; readonly path: Path; readonly value: Expression }
  | {
    readonly kind: "list";
    /** Of the comment that the items stand before. */
    readonly path: Path;
    readonly items: Expression;
    /** The block of each item. */
    readonly block: number;
    /** Tells items apart; by their place without it. */
    readonly key: Expression | null;
    /** Passes over items for which it is false. */
    readonly filter: Expression | null;
    /**
     * Whether the template names one variable or two. The first is the item (of a map or a plain
     * object the value), the second its index (of a map or a plain object the key).
     */
    readonly variables: 1 | 2;
  }
  | {
    readonly kind: "cond";
    /** Of the comment that the branch stands before. */
    readonly path: Path;
    /** The first that holds is shown; a branch without a condition always holds. */
    readonly branches: readonly { readonly when: Expression | null; readonly block: number }[];
  }
  | {
    readonly kind: "on";
    readonly path: Path;
    /** The event's name, as browsers have it. */
    readonly event: string;
    readonly target: EventTarget;
    readonly modifiers: EventModifiers;
    /** Fields of the event that the browser sends: those that the arguments name as `event.…`. */
    readonly wants: readonly string[];
    readonly call: HandlerCall;
  }
  | {
    readonly kind: "do";
    readonly path: Path;
    readonly event: string;
    readonly target: EventTarget;
    readonly modifiers: EventModifiers;
    /** What the browser does without asking the server. */
    readonly commands: readonly ClientCommand[];
  }
  | {
    readonly kind: "bind";
    readonly path: Path;
    readonly input: InputKind;
    readonly value: Target;
    /** What a radio button stands for; null where its field is true or false. */
    readonly option: Expression | null;
  }
  | {
    readonly kind: "drag";
    readonly path: Path;
    readonly group: string;
    readonly value: Expression;
  }
  | {
    readonly kind: "drop";
    readonly path: Path;
    readonly group: string;
    /** What the element stands for: its `g-dropzone`, else its own `g-draggable`. */
    readonly value: Expression | null;
    /**
     * Called with what was dropped, what it was dropped on, and its own arguments, which see
     * `event.position`: whether above or below the middle of the element.
     */
    readonly call: HandlerCall;
  }
  | {
    readonly kind: "plugin";
    readonly path: Path;
    readonly name: string;
    readonly value: Expression;
  }
  | {
    readonly kind: "island";
    readonly path: Path;
    readonly name: string;
    readonly isShadow: boolean;
  }
  | {
    readonly kind: "upload";
    readonly path: Path;
    /** Called with the upload, then its own arguments. */
    readonly call: HandlerCall;
    /** As the `accept` attribute has it; empty for anything. */
    readonly accept: string;
    readonly bytesMax: number;
    readonly filesMax: number;
  };

/** Markup of one element, and what changes in it. */
export interface Block {
  /** Its place in the program's list. */
  readonly id: number;
  /** With a space for each text that changes, and a comment for each list and condition. */
  readonly html: string;
  /** In the order of the document. */
  readonly slots: readonly Slot[];
  /** How many loop variables its expressions see; a handler's arguments see the event after them. */
  readonly depth: number;
  /** What its element has to stand in while it is parsed, if not HTML. */
  readonly namespace: "html" | "svg" | "math";
}

/** A compiled island. */
export interface IslandProgram {
  readonly name: string;
  /** The first is the root. */
  readonly blocks: readonly Block[];
  readonly table: ClientTable;
  /** Its expressions run as closures also where the platform makes code of texts. */
  readonly isInterpreted?: true;
}

/** What browsers need to know of a slot. */
export type ClientSlot =
  | readonly [kind: "text" | "show" | "html", path: Path]
  | readonly [kind: "list", path: Path, block: number]
  | readonly [kind: "cond", path: Path, blocks: readonly number[]]
  | readonly [kind: "attr" | "prop" | "class" | "style" | "plugin", path: Path, name: string]
  | readonly [
    kind: "on",
    path: Path,
    event: string,
    target: EventTarget,
    modifiers: EventModifiers,
    wants: readonly string[],
  ]
  | readonly [
    kind: "do",
    path: Path,
    event: string,
    target: EventTarget,
    modifiers: EventModifiers,
    commands: readonly ClientCommand[],
  ]
  | readonly [kind: "bind", path: Path, input: InputKind]
  | readonly [kind: "drag" | "drop", path: Path, group: string]
  | readonly [kind: "island", path: Path, name: string, isShadow: boolean]
  | readonly [kind: "upload", path: Path, bytesMax: number, filesMax: number, accept: string];

/** A block as browsers know it. */
export interface ClientBlock {
  readonly html: string;
  readonly slots: readonly ClientSlot[];
  readonly namespace?: "svg" | "math";
}

/** What browsers know of a program: immutable, and named by its hash. */
export interface ClientTable {
  readonly hash: string;
  readonly blocks: readonly ClientBlock[];
}
