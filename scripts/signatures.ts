/**
 * The signatures of a file's exports: what TypeScript would write into its declaration file, one line
 * for each, and one for each member. Comments, bodies and private members are no part of them.
 */
import ts from "typescript";

/** The lines of every exported name of a source file. */
export function signaturesOf(path: string, source: string): ReadonlyMap<string, string[]> {
  const { outputText } = ts.transpileDeclaration(source, {
    fileName: path,
    compilerOptions: {
      removeComments: true,
      strict: true,
      exactOptionalPropertyTypes: true,
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
    },
  });
  const file = ts.createSourceFile("signatures.d.ts", outputText, ts.ScriptTarget.ESNext, true);
  const signatures = new Map<string, string[]>();
  for (const { name, lines } of file.statements.flatMap(declared)) {
    signatures.set(name, [...signatures.get(name) ?? [], ...lines]);
  }
  return signatures;
}

function declared(
  statement: ts.Statement,
): readonly { readonly name: string; readonly lines: readonly string[] }[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.map(({ name, type }) => ({
      name: name.getText(),
      lines: type && ts.isTypeLiteralNode(type)
        ? withMembers(name.getText(), statement, type.members)
        : [textOf(statement)],
    }));
  }
  if (ts.isInterfaceDeclaration(statement) || ts.isClassDeclaration(statement)) {
    const name = statement.name?.text ?? "default";
    return [{ name, lines: withMembers(name, statement, statement.members) }];
  }
  if (ts.isFunctionDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
    return [{ name: statement.name?.text ?? "default", lines: [textOf(statement)] }];
  }
  return [];
}

/** The statement up to its members, and then each of them behind the name. */
function withMembers(
  name: string,
  statement: ts.Statement,
  members: ts.NodeArray<ts.TypeElement | ts.ClassElement>,
): readonly string[] {
  const head = statement.getText().slice(0, members.pos - statement.getStart());
  const named = members.filter((member) => !member.getText().startsWith("#"));
  const shown = named.filter((member) => !member.getText().startsWith("private "));
  return [spaced(head), ...shown.map((member) => `${name}: ${textOf(member)}`)];
}

function textOf(node: ts.Node): string {
  return spaced(node.getText());
}

/** On one line, without what every declaration begins with. */
function spaced(text: string): string {
  return text.replace(/\s+/g, " ").replace(/^export (declare )?/, "").trim();
}
