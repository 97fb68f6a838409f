/** What Deno Deploy would run, but for the database, which is a file here. */
import { createDeploy } from "@driftless/driftless/deploy";
import app from "./serve.ts";

export default await createDeploy(app, {
  appFile: import.meta.resolve("./app.ts"),
  kv: await Deno.openKv(Deno.env.get("KV_FILE")),
});
