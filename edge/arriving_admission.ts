/** Admission where the address of a server is that of its platform, and is learned as requests come. */
import { type Admission, bySecret, openToAll } from "./admission.ts";
import { SECRET_UNITS_MIN } from "./identity.ts";

/** Whom to let in. */
export interface ArrivingAdmissionOptions {
  /** Origins besides the server's own whose pages may use it. */
  readonly origins?: readonly string[] | undefined;
  /** Who it is, in place of tokens that the secret signs. */
  readonly authenticate?: Admission["authenticate"] | undefined;
  /** What is under {@linkcode SECRET} in the environment. */
  readonly secret: unknown;
}

/** The name of the secret in the environment. */
export const SECRET = "DRIFTLESS_SECRET";
/** Own origins that are known at a time; of more the oldest are forgotten. */
export const OWN_ORIGINS_MAX = 16;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/;

/** Whether a host name or an address is this machine's own. */
export function isLoopback(name: string): boolean {
  return LOOPBACK.test(name);
}

/** Admission to a server whose own origins are those that it is asked under. */
export class ArrivingAdmission implements Admission {
  readonly origins: string[];
  readonly hosts: readonly string[] = [];
  readonly open: boolean;
  readonly authenticate: Admission["authenticate"];
  readonly #given: number;

  /** @throws {TypeError} when the secret is too short */
  constructor({ origins = [], authenticate, secret }: ArrivingAdmissionOptions) {
    this.origins = [...origins];
    this.#given = origins.length;
    this.open = authenticate === undefined && secret === undefined;
    if (authenticate !== undefined) this.authenticate = authenticate;
    else if (secret === undefined) this.authenticate = openToAll;
    else if (typeof secret === "string" && secret.length >= SECRET_UNITS_MIN) {
      this.authenticate = bySecret(secret);
    } else {
      throw new TypeError(`Cannot use a secret of fewer than ${SECRET_UNITS_MIN} characters`);
    }
  }

  /**
   * Learns the origin that a request was sent to.
   *
   * @throws {TypeError} when anybody could come in: without a secret only this machine may ask
   */
  meet({ origin, hostname }: URL): void {
    if (this.open && !isLoopback(hostname)) {
      throw new TypeError(
        `Cannot answer without a secret: set ${SECRET} to at least ${SECRET_UNITS_MIN} random ` +
          `characters, or give an "authenticate"`,
      );
    }
    if (this.origins.includes(origin)) return;
    if (this.origins.length - this.#given >= OWN_ORIGINS_MAX) this.origins.splice(this.#given, 1);
    this.origins.push(origin);
  }
}
