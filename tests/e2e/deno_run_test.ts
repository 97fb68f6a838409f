/** The list of end-to-end cases on one platform. */
import { testPlatform } from "./cases.ts";

testPlatform("deno");
