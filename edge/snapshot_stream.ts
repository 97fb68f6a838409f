/**
 * A snapshot as JSON text in parts, in one of two forms:
 *
 *     records   "data":  { entity: { id: record, … }, … }                    the documented one
 *     columns   "pages": [{ entity, keys, ids, columns: [[…], …] }, …]       for clients that ask
 *
 * A page of columns holds records of one collection with the same keys. It names each key once, and
 * values of one kind stand together, which compresses to about two thirds.
 */
import type { JsonObject } from "../core/json.ts";
import type { StoredRow } from "../core/store.ts";

/** Rows that a snapshot reads at once: it bounds how long the others wait. */
const SNAPSHOT_PAGE_ROWS = 2_000;
/** How long a caller may take to read a snapshot, in milliseconds: the store keeps its view so long. */
export const SNAPSHOT_MS_MAX = 5 * 60 * 1000;

/** Rows of one moment, page by page, from wherever they are. */
export interface SnapshotPages {
  /** Up to `limit` further rows; empty at the end. */
  next(limit: number): readonly StoredRow[] | Promise<readonly StoredRow[]>;
  /** Safe to call twice. */
  close(): void;
}

/** Writes pages of rows one after the other. */
export interface SnapshotForm {
  readonly begin: string;
  /** A writer of one snapshot: gives the text of the next rows. */
  writer(): (rows: readonly StoredRow[]) => string;
  /** What follows the last rows, if there were any. */
  readonly closeRows: string;
  readonly end: string;
}

/** All records by collection and id. */
export const RECORDS: SnapshotForm = {
  begin: `{"data":{`,
  writer() {
    let open = "";
    return (rows) => {
      let text = "";
      for (const { entity, id, json } of rows) {
        if (entity === open) text += ",";
        else text += `${open === "" ? "" : "},"}${JSON.stringify(entity)}:{`;
        open = entity;
        text += `${JSON.stringify(id)}:${json}`;
      }
      return text;
    };
  },
  closeRows: "}",
  end: "}",
};

/** Records with the same keys as columns. */
export const COLUMNS: SnapshotForm = {
  begin: `{"pages":[`,
  writer() {
    let isFirst = true;
    return (rows) => {
      const pages = pagesOf(rows).map((page) => JSON.stringify(page));
      if (pages.length === 0) return "";
      const text = `${isFirst ? "" : ","}${pages.join(",")}`;
      isFirst = false;
      return text;
    };
  },
  closeRows: "",
  end: "]",
};

interface Page {
  readonly entity: string;
  readonly keys: readonly string[];
  readonly ids: string[];
  readonly columns: unknown[][];
}

/** The text of a snapshot; `tail` is what follows the rows. Closes the reader, whatever happens. */
export function snapshotStream(
  reader: SnapshotPages,
  form: SnapshotForm,
  tail: string,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const write = form.writer();
  let begin = form.begin;
  let hasRows = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  const close = () => {
    isClosed = true;
    clearTimeout(timer);
    reader.close();
  };
  return new ReadableStream({
    start(controller) {
      timer = setTimeout(() => {
        close();
        controller.error(new TypeError("Cannot send the snapshot: its reader is too slow"));
      }, SNAPSHOT_MS_MAX);
    },
    async pull(controller) {
      let page: readonly StoredRow[];
      const rows: StoredRow[] = [];
      try {
        do {
          page = await reader.next(SNAPSHOT_PAGE_ROWS - rows.length);
          if (isClosed) return;
          rows.push(...page);
        } while (page.length > 0 && rows.length < SNAPSHOT_PAGE_ROWS);
      } catch (error) {
        close();
        throw error;
      }
      hasRows ||= rows.length > 0;
      const text = begin + write(rows);
      begin = "";
      if (page.length > 0) return controller.enqueue(encoder.encode(text));
      close();
      const closed = hasRows ? form.closeRows : "";
      controller.enqueue(encoder.encode(`${text}${closed}${form.end}${tail}`));
      controller.close();
    },
    cancel: close,
  });
}

function pagesOf(rows: readonly StoredRow[]): readonly Page[] {
  const pages = new Map<string, Page>();
  for (const { entity, id, json } of rows) {
    // The store took nothing else.
    const record = JSON.parse(json) as JsonObject;
    const keys = Object.keys(record);
    const shape = JSON.stringify([entity, keys]);
    let page = pages.get(shape);
    if (page === undefined) {
      pages.set(shape, page = { entity, keys, ids: [], columns: keys.map(() => []) });
    }
    page.ids.push(id);
    for (const [index, key] of keys.entries()) page.columns[index]?.push(record[key]);
  }
  return [...pages.values()];
}
