/** Objects that several islands hold: a change in one of them is looked at in the others. */
import { isShared } from "./island.ts";
import type { LiveInstance } from "./live_instance.ts";

/** Which instances hold which objects. */
export class SharedState {
  readonly #holders = new Map<object, Set<LiveInstance>>();

  /** Notes the shared objects among the fields of an instance. */
  add(instance: LiveInstance): void {
    for (const object of sharedFields(instance)) {
      const holders = this.#holders.get(object);
      if (holders === undefined) this.#holders.set(object, new Set([instance]));
      else holders.add(instance);
    }
  }

  remove(instance: LiveInstance): void {
    for (const [object, holders] of this.#holders) {
      holders.delete(instance);
      if (holders.size === 0) this.#holders.delete(object);
    }
  }

  /**
   * Code of an instance ran. What other instances read of its objects is known to the engine; what their
   * methods and getters read is not.
   */
  touched(instance: LiveInstance): void {
    if (this.#holders.size === 0) return;
    for (const object of sharedFields(instance)) {
      for (const other of this.#holders.get(object) ?? []) {
        if (other !== instance) other.engine.refresh([]);
      }
    }
  }
}

function sharedFields({ state }: LiveInstance): readonly object[] {
  return Object.values(state).filter((value) =>
    typeof value === "object" && value !== null && isShared(value)
  );
}
