/** What a witness knows of one mutation of its device. */

/** One mutation, from its call on. */
export interface Witnessed {
  /** Of the batch that stores it; counts anew with every start of the program. */
  token: number | null;
  /** The caller was told that it is stored. */
  isDurable: boolean;
  /** It is in the queue, as far as anybody can know. */
  isOpen: boolean;
  /** Storage refused it, or a crash or an eviction took it before it was stored. */
  isGone: boolean;
  isAcked: boolean;
  /** It was acknowledged to an earlier program of this device. */
  isAckedBefore: boolean;
  /** The app was told of a refusal, and storage has not forgotten it. */
  isRefused: boolean;
  /** The batch that says so; 0 once it is stored. */
  refusedBy: number | null;
  /** It could not run without a refused one, and was not sent. */
  isHeld: boolean;
  /** The user took it out of the line. */
  isWithdrawn: boolean;
  reports: number;
  /** One, and one more for each restart that found it in storage again. */
  reportsMax: number;
}

/** A mutation that was made just now, and is stored by the batch of a token. */
export function witnessed(token: number): Witnessed {
  return {
    token,
    isDurable: false,
    isOpen: true,
    isGone: false,
    isAcked: false,
    isAckedBefore: false,
    isRefused: false,
    refusedBy: null,
    isHeld: false,
    isWithdrawn: false,
    reports: 0,
    reportsMax: 1,
  };
}
