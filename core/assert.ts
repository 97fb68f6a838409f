/** Assertions that stay on in production: a broken invariant stops the operation, not the data. */

/** Throws when an invariant of Driftless itself does not hold: always a bug in Driftless. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Broken invariant: ${message}`);
}

/** Marks a branch that the type checker proves empty. */
export function unreachable(value: never): never {
  throw new Error(`Broken invariant: unexpected ${String(value)}`);
}
