/** Where stored rows stand, compared. */
import type { Standing } from "../../core/persistence.ts";

/** Whether rows stand where a move of some of them says that they have to. */
export function isAt({ cursor, epoch }: Standing, place: Standing | undefined): boolean {
  return cursor === place?.cursor && epoch === place.epoch;
}
