/** A tab that stops reading, and what it finds when it goes on; for benchmarks. */
import { arrivalOf, SERVER_INIT } from "../../ui/client/bridge_wire.ts";
import { frame, handshake, OPCODE, RawPeer } from "../edge/raw_peer.ts";
import { benchTicket, showFrame } from "./live_tab.ts";

/** What was waiting for a tab. */
export interface Waiting {
  /** Patches before the snapshot, or all there were. */
  readonly patches: number;
  /** Bytes of all that came. */
  readonly bytes: number;
  /** The patch after which nothing more was sent to it. */
  readonly lastSeq: number;
  readonly hasSnapshot: boolean;
}

/** One tab. */
export class StuckTab {
  /** The last patch that it was told. */
  seq = 0;
  readonly #peer: RawPeer;

  private constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  /** Connects and shows an island, and from then on reads nothing. */
  static async open(port: number, island: string): Promise<StuckTab> {
    const ticket = await benchTicket(port, "stuck");
    const peer = await RawPeer.connect(port);
    peer.write(handshake("", `/_live?ticket=${ticket}`));
    const head = await peer.head();
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(head);
    peer.write(frame(OPCODE.binary, showFrame(island)));
    const tab = new StuckTab(peer);
    const { message } = arrivalOf((await peer.frame()).payload);
    if (message?.kind !== SERVER_INIT) throw new Error(`no island: ${message?.error}`);
    tab.seq = message.seq ?? 0;
    peer.stopReading();
    return tab;
  }

  /** Reads on until it is where all others are. */
  async readOn(seq: number): Promise<Waiting> {
    const waiting = { patches: 0, bytes: 0, lastSeq: this.seq, hasSnapshot: false };
    this.#peer.readAgain();
    while (this.seq < seq) {
      const { opcode, payload } = await this.#peer.frame();
      if (opcode === OPCODE.close) throw new Error("the server has closed the stuck tab");
      const { message } = arrivalOf(payload);
      waiting.bytes += payload.length;
      if (message?.seq === undefined) continue;
      this.seq = message.seq;
      if (message.kind === SERVER_INIT) waiting.hasSnapshot = true;
      if (waiting.hasSnapshot) continue;
      waiting.patches++;
      waiting.lastSeq = message.seq;
    }
    return waiting;
  }

  /** Leaves. */
  close(): void {
    this.#peer.vanish();
  }
}
