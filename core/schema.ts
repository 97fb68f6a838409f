/**
 * The shape of a validator: Standard Schema, version 1, as far as Driftless uses it.
 *
 * It is written out here so that the public types stand on no package. Validators of Valibot, Zod,
 * ArkType and others have this shape, and so has `StandardSchemaV1` of `@standard-schema/spec`.
 */

/**
 * A validator whose values have the type `Output`.
 *
 * @example Written by hand
 * ```ts
 * import { collection, type StandardSchema } from "@driftless/driftless";
 *
 * const counter: StandardSchema<{ value: number }> = {
 *   "~standard": {
 *     version: 1,
 *     vendor: "example",
 *     validate(value) {
 *       const { value: count } = value as { value?: unknown };
 *       return typeof count === "number"
 *         ? { value: { value: count } }
 *         : { issues: [{ message: "It is not a number", path: ["value"] }] };
 *     },
 *   },
 * };
 * if (collection("counter", counter).schema !== counter) throw new Error();
 * ```
 */
export interface StandardSchema<Output = unknown> {
  /** Everything, under the one name that the standard reserves. */
  readonly "~standard": StandardSchemaProps<Output>;
}

/** What a {@linkcode StandardSchema} tells and does. */
export interface StandardSchemaProps<Output = unknown> {
  /** The version of the standard. */
  readonly version: 1;
  /** The library that the validator is of. */
  readonly vendor: string;
  /** Checks a value. Driftless refuses with `mutator_failed` when it throws or gives a promise. */
  readonly validate: (
    value: unknown,
  ) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** Carries the types; has no value. */
  readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
}

/** The value as the validator leaves it, or what is wrong with it. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** One thing that is wrong with a value. */
export interface StandardSchemaIssue {
  /** A sentence that the author of the mutation is told. */
  readonly message: string;
  /** The keys that lead to it, from the outermost on. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
