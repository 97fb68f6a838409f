/** Whether an identifier in a syntax tree reads a global: a reference that no scope around binds. */

type Node = Deno.lint.Node;
type Pattern = Node | Deno.lint.TSParameterProperty | null | undefined;

/** Parents in which a child identifier is a name only, by the child's place. */
const NAME_PLACES: Readonly<Record<string, readonly string[]>> = {
  MemberExpression: ["property"],
  Property: ["key"],
  MethodDefinition: ["key"],
  PropertyDefinition: ["key"],
  AccessorProperty: ["key"],
  LabeledStatement: ["label"],
  BreakStatement: ["label"],
  ContinueStatement: ["label"],
  ExportSpecifier: ["local", "exported"],
  ImportSpecifier: ["local", "imported"],
  ImportAttribute: ["key"],
  MetaProperty: ["meta", "property"],
};

/** Type syntax that holds run-time expressions; all other `TS…` parents hold names of types. */
const TS_EXPRESSIONS: readonly string[] = [
  "TSAsExpression",
  "TSInstantiationExpression",
  "TSNonNullExpression",
  "TSSatisfiesExpression",
  "TSTypeAssertion",
];

export function readsGlobal(node: Deno.lint.Identifier): boolean {
  return !isNameOnly(node) && !isBound(node, node.name);
}

/** Whether a scope around the node binds the name. */
export function isBound(node: Node, name: string): boolean {
  let around = parentOf(node);
  while (around !== null) {
    if (boundIn(around).includes(name)) return true;
    around = parentOf(around);
  }
  return false;
}

function isNameOnly(node: Deno.lint.Identifier): boolean {
  const parent = parentOf(node);
  if (parent === null) return false;
  if (parent.type.startsWith("TS")) return !TS_EXPRESSIONS.includes(parent.type);
  const places = NAME_PLACES[parent.type];
  if (!places || ("computed" in parent && parent.computed)) return false;
  const isAt = (place: string) => isSame(Reflect.get(parent, place), node);
  // In `{ fetch }` the key and the value are two nodes of one range: the value is the reference.
  if (parent.type === "Property" && parent.shorthand) return false;
  return places.some(isAt);
}

function isSame(child: Node | undefined, node: Node): boolean {
  return child?.type === node.type && child.range[0] === node.range[0] &&
    child.range[1] === node.range[1];
}

function parentOf(node: Node): Node | null {
  return "parent" in node ? (node.parent as Node | null | undefined) ?? null : null;
}

/** The names that a node binds for what is inside it. */
function boundIn(scope: Node): readonly string[] {
  switch (scope.type) {
    case "Program":
    case "BlockStatement":
    case "StaticBlock":
    case "TSModuleBlock":
      return (scope.body as Node[]).flatMap(namesOfStatement);
    case "SwitchStatement":
      return scope.cases.flatMap((part) => part.consequent).flatMap(namesOfStatement);
    case "FunctionDeclaration":
    case "FunctionExpression":
      return [...scope.params.flatMap(namesOfPattern), ...namesOfPattern(scope.id)];
    case "ArrowFunctionExpression":
      return scope.params.flatMap(namesOfPattern);
    case "ClassExpression":
      return namesOfPattern(scope.id);
    case "CatchClause":
      return namesOfPattern(scope.param);
    case "ForStatement":
      return scope.init ? namesOfStatement(scope.init) : [];
    case "ForInStatement":
    case "ForOfStatement":
      return namesOfStatement(scope.left);
    default:
      return [];
  }
}

function namesOfStatement(node: Node): readonly string[] {
  switch (node.type) {
    case "VariableDeclaration":
      return node.declarations.flatMap((declaration) => namesOfPattern(declaration.id));
    case "FunctionDeclaration":
    case "ClassDeclaration":
    case "TSEnumDeclaration":
    case "TSDeclareFunction":
      return namesOfPattern(node.id);
    case "ImportDeclaration":
      return node.specifiers.map((specifier) => specifier.local.name);
    case "ExportNamedDeclaration":
    case "ExportDefaultDeclaration":
      return node.declaration ? namesOfStatement(node.declaration) : [];
    default:
      return [];
  }
}

function namesOfPattern(pattern: Pattern): readonly string[] {
  switch (pattern?.type) {
    case "Identifier":
      return [pattern.name];
    case "ObjectPattern":
      return pattern.properties.flatMap((part) =>
        namesOfPattern(part.type === "Property" ? part.value : part)
      );
    case "ArrayPattern":
      return pattern.elements.flatMap(namesOfPattern);
    case "AssignmentPattern":
      return namesOfPattern(pattern.left);
    case "RestElement":
      return namesOfPattern(pattern.argument);
    case "TSParameterProperty":
      return namesOfPattern(pattern.parameter);
    default:
      return [];
  }
}
