/** Whether a scope's head, its change log and its rows agree: questions in SQL, one for each fault. */
import type { CheckedDatabase } from "./sql.ts";
import type { ScopeHead } from "./sqlite_statements.ts";
import { type Fault, type Faults, FAULTS_TOLD_MAX } from "./verify_faults.ts";

/** One question; each row of its answer is a fault. */
interface Question {
  readonly kind: Fault["kind"];
  /** Takes the scope's number, as often as it has a `?`, and a limit behind. */
  readonly sql: string;
  readonly tell: (row: Answer) => string;
}

/** What a question may give; the columns that it has not are absent. */
interface Answer {
  readonly cursor: number;
  readonly before: number;
  readonly entity?: string;
  readonly id?: string;
}

const QUESTIONS: readonly Question[] = [
  {
    kind: "log",
    sql: `SELECT cursor, floor AS before FROM scopes
      WHERE scope = ? AND (floor < 0 OR floor > cursor) LIMIT ?`,
    tell: ({ cursor, before }) => `the log's floor is ${before}, and its cursor ${cursor}`,
  },
  {
    kind: "log",
    sql: `SELECT cursor, before FROM (
        SELECT c.cursor, lag(c.cursor, 1, s.floor) OVER (ORDER BY c.cursor) AS before
        FROM changes c JOIN scopes s ON s.scope = c.scope WHERE c.scope = ?)
      WHERE cursor <> before + 1 LIMIT ?`,
    tell: ({ cursor, before }) =>
      cursor <= before
        ? `change ${cursor} lies below the log's floor`
        : cursor === before + 2
        ? `change ${before + 1} is missing from the log`
        : `changes ${before + 1} to ${cursor - 1} are missing from the log`,
  },
  {
    kind: "log",
    sql: `SELECT s.cursor, coalesce(max(c.cursor), s.floor) AS before
      FROM scopes s LEFT JOIN changes c ON c.scope = s.scope
      WHERE s.scope = ? GROUP BY s.scope HAVING before <> s.cursor LIMIT ?`,
    tell: ({ cursor, before }) => `the scope's cursor is ${cursor}, and its log ends at ${before}`,
  },
  {
    kind: "row",
    sql: `SELECT r.entity, r.id, r.cursor, s.cursor AS before
      FROM scopes s JOIN rows r ON r.scope = s.scope AND r.cursor > s.cursor
      WHERE s.scope = ? LIMIT ?`,
    tell: ({ cursor, before }) => `is of cursor ${cursor}, and the scope's cursor is ${before}`,
  },
  {
    kind: "row",
    sql: `SELECT r.entity, r.id, r.cursor FROM scopes s
      JOIN rows r ON r.scope = s.scope AND r.cursor > s.floor AND r.cursor <= s.cursor
      LEFT JOIN changes c ON c.scope = r.scope AND c.cursor = r.cursor
        AND c.entity = r.entity AND c.id = r.id AND r.live = (c.op <> 2)
      WHERE s.scope = ? AND c.cursor IS NULL LIMIT ?`,
    tell: ({ cursor }) => `is of cursor ${cursor}, where the log has no such change`,
  },
  {
    kind: "row",
    sql: `SELECT r.entity, r.id, r.cursor FROM changes c
      JOIN rows r ON r.scope = c.scope AND r.entity = c.entity AND r.id = c.id
        AND r.cursor = c.cursor
      WHERE c.scope = ? AND r.live = 1 AND c.json IS NOT r.json LIMIT ?`,
    tell: ({ cursor }) => `is not what change ${cursor} made of it`,
  },
  {
    kind: "row",
    sql: `SELECT c.entity, c.id, max(c.cursor) AS cursor, r.cursor AS before FROM changes c
      LEFT JOIN rows r ON r.scope = c.scope AND r.entity = c.entity AND r.id = c.id
      WHERE c.scope = ? AND (r.cursor IS NULL OR r.cursor < c.cursor)
      GROUP BY c.entity, c.id LIMIT ?`,
    tell: ({ cursor, before }) =>
      before === null
        ? `is missing, and the log has change ${cursor} of it`
        : `is of cursor ${before}, and the log has its change ${cursor}`,
  },
];

/** Rows that lie under a number that no scope has. */
const STRAYS = ["rows", "changes", "clients", "outcomes"].map((table) => ({
  table,
  sql: `SELECT count(*) AS n FROM ${table} t
    WHERE NOT EXISTS (SELECT 1 FROM scopes s WHERE s.scope = t.scope)`,
}));

/** Asks every question about one scope. */
export function verifyLog(db: CheckedDatabase, { name, scope }: ScopeHead, faults: Faults): void {
  for (const { kind, sql, tell } of QUESTIONS) {
    for (const row of db.prepare(sql).all(scope, FAULTS_TOLD_MAX)) {
      const answer = row as unknown as Answer;
      const { entity, id } = answer;
      faults.add({
        kind,
        scope: name,
        text: tell(answer),
        ...(entity === undefined || id === undefined ? {} : { entity, id }),
      });
    }
  }
}

/** Asks for what belongs to no scope. */
export function verifyBelonging(db: CheckedDatabase, faults: Faults): void {
  for (const { table, sql } of STRAYS) {
    const count = Number(db.prepare(sql).get()?.n);
    if (count === 0) continue;
    faults.add({ kind: "file", scope: null, text: `${count} ${table} belong to no scope` });
  }
}
