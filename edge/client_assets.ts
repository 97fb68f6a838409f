/** What browsers load of Driftless itself, for servers that have no program around them. */
import { ofClient } from "./asset.ts";
import { assets } from "./assets_gen.ts";
import type { Asset } from "./handler.ts";

/** The files below `/_driftless/`, which pages and app files import, by path. */
export const clientAssets: Readonly<Record<string, Asset>> = ofClient(assets);
