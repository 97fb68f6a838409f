/** Every system in the comparison, ours first. */
import { driftless } from "./driftless.ts";
import { hocuspocus } from "./hocuspocus.ts";
import type { Peer } from "./peer.ts";
import { tinybase } from "./tinybase.ts";
import { yWebsocket } from "./y_websocket.ts";

export const peers: readonly Peer[] = [driftless, yWebsocket, hocuspocus, tinybase];
