/** Random programs in the text format that always end: loops count down, calls go to later functions. */
import { Prng } from "../sim/prng.ts";

const FUNCTIONS = 3;
const DEPTH_MAX = 3;
const OPERATIONS: readonly string[] = ["add", "sub", "mul", "xor", "and", "or", "rotl"];

/** A module with a memory and a function `run` of one number. */
export function programText(seed: number): string {
  const program = new Program(new Prng(seed));
  const functions = Array.from({ length: FUNCTIONS }, (_, index) => program.function(index));
  return `(module (memory (export "memory") 1)
    (table 2 2 funcref) (elem (i32.const 0) $f${FUNCTIONS - 1} $f${FUNCTIONS - 1})
    (type $t (func (param i32) (result i32)))
    ${functions.join("\n")} (export "run" (func $f0)))`;
}

class Program {
  readonly #prng: Prng;
  #index = 0;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  function(index: number): string {
    this.#index = index;
    return `(func $f${index} (param $p i32) (result i32)
      (local $a i32) (local $b i32) (local $n1 i32) (local $n2 i32) (local $n3 i32)
      ${this.#block(0)} ${this.#value()})`;
  }

  #block(depth: number): string {
    const length = this.#prng.between(1, 4);
    return Array.from({ length }, () => this.#statement(depth)).join("\n");
  }

  #statement(depth: number): string {
    const deep = depth < DEPTH_MAX ? this.#prng.between(0, 9) : this.#prng.between(0, 4);
    switch (deep) {
      case 5:
        return this.#loop(depth + 1);
      case 6:
        return `(if ${this.#value()} (then ${this.#block(depth + 1)})
          (else ${this.#block(depth + 1)}))`;
      case 7:
        return `(block $out ${this.#block(depth + 1)} (br_if $out ${this.#value()})
          ${this.#block(depth + 1)})`;
      case 8:
        return `(block $x (block $y (block $z (br_table $x $y $z ${this.#value()}))
          ${this.#block(depth + 1)}) ${this.#block(depth + 1)})`;
      case 4:
        return `(memory.fill ${this.#address()} ${this.#value()}
          (i32.and ${this.#value()} (i32.const 255)))`;
      case 3:
        return `(i32.store offset=4 ${this.#address()} ${this.#value()})`;
      case 2:
        return `(local.set $b (i32x4.extract_lane 1
          (i32x4.add (i32x4.splat ${this.#value()}) (v128.load ${this.#address()}))))`;
      default:
        return `(local.set ${this.#prng.between(0, 1) ? "$a" : "$b"} ${this.#value()})`;
    }
  }

  #loop(depth: number): string {
    const counter = `$n${depth}`;
    return `(local.set ${counter} (i32.const ${this.#prng.between(1, 6)}))
      (loop $l${depth} ${this.#block(depth)}
        (br_if $l${depth} (local.tee ${counter}
          (i32.sub (local.get ${counter}) (i32.const 1)))))`;
  }

  #value(): string {
    const last = FUNCTIONS - 1;
    switch (this.#prng.between(0, this.#index < last ? 7 : 5)) {
      case 0:
        return `(i32.const ${this.#prng.between(-200, 200)})`;
      case 1:
        return `(i32.load8_u ${this.#address()})`;
      case 2:
      case 3:
        return `(local.get ${["$p", "$a", "$b"][this.#prng.between(0, 2)]})`;
      case 4:
      case 5:
        return `(i32.${OPERATIONS[this.#prng.between(0, OPERATIONS.length - 1)]}
          (local.get $a) (local.get $p))`;
      case 6:
        return `(call $f${this.#prng.between(this.#index + 1, last)} (local.get $a))`;
      default:
        return `(call_indirect (type $t) (local.get $p) (i32.const 1))`;
    }
  }

  #address(): string {
    return `(i32.and ${this.#prng.between(0, 1) ? "(local.get $a)" : "(local.get $p)"}
      (i32.const 511))`;
  }
}
