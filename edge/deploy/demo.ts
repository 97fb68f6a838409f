/** The demo on Deno Deploy, for everybody: whoever opens it may change it. */
import type { AnyApp } from "../../core/app.ts";
import demo from "../../ui/demo/live_app.ts";
import { openToAll } from "../admission.ts";
import { assets } from "../assets_gen.ts";
import { createDeploy, type DriftlessDeploy } from "./deploy.ts";

const app: AnyApp = { ...demo, authorize: () => true };

const server: DriftlessDeploy = await createDeploy(app, { assets, authenticate: openToAll });
export default server;
