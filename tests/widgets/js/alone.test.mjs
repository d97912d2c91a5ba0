// Claims about alone.js, the model of a page without a kernel:
// 1. It begins with the entry of its first settings.
// 2. A change of a setting brings that entry's values, all before anyone hears of it.
// 3. A listener hears of a change once, when changes are saved, and not of what stayed; off ends that.
// 4. unpacked gives back the bytes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { aloneModel, unpacked } from "../../../jepa_lite/widgets/static/alone.js";
import { bytes } from "../../../jepa_lite/widgets/static/kit.js";

const make = () => aloneModel({ rule: "a", count: 2, seed: 0 }, {
  keys: ["rule", "count"],
  entries: { "a 2": 0, "b 2": 1, "a 3": 2, "b 3": 2 },
  results: [{ table: "A2", drawn: 1 }, { table: "B2", drawn: 2 }, { table: "A3", drawn: 3 }],
});

test("it begins with the entry of its settings", () => {
  assert.deepEqual([make().get("table"), make().get("drawn"), make().get("seed")], ["A2", 1, 0]);
});

test("a change of any key looks its entry up, before a listener is called", () => {
  for (const [key, value, table, drawn] of [["rule", "b", "B2", 2], ["count", 3, "A3", 3]]) {
    const model = make(), seen = [];
    model.on(`change:${key} change:table`, () => seen.push([model.get("table"), model.get("drawn")]));
    model.set(key, value);
    model.save_changes();
    assert.deepEqual(seen, [[table, drawn]]);
  }
});

test("settings with one outcome share it, and nobody hears of what stayed", () => {
  const model = make(), heard = [];
  model.set("count", 3);
  model.save_changes();
  model.on("change:rule", () => heard.push("rule"));
  model.set("rule", "b");
  model.save_changes();
  assert.deepEqual([heard, model.get("table"), model.get("drawn")], [["rule"], "A3", 3]);
});

test("a listener hears once of several changes, and only when they are saved", () => {
  const model = make();
  let calls = 0;
  model.on("change:seed change:table change:drawn", () => calls++);
  model.set("seed", 5);
  assert.equal(calls, 0);
  model.set("rule", "b");
  model.save_changes();
  assert.equal(calls, 1);
  model.save_changes();
  assert.equal(calls, 1, "nothing had changed since");
});

test("what did not change is not told", () => {
  const model = make(), heard = [];
  model.on("change:table", () => heard.push("table"));
  model.on("change:seed", () => heard.push("seed"));
  model.set("seed", 3);
  model.save_changes();
  model.set("seed", 3);
  model.save_changes();
  assert.deepEqual(heard, ["seed"]);
});

test("off ends it, for that listener alone", () => {
  const model = make(), heard = [];
  const first = () => heard.push("first"), second = () => heard.push("second");
  model.on("change:seed", first);
  model.on("change:seed change:rule", second);
  model.off("change:seed", first);
  model.set("seed", 9);
  model.save_changes();
  assert.deepEqual(heard, ["second"]);
});

test("bytes survive the way through base64, the high ones too", () => {
  const values = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(bytes(unpacked(Buffer.from(values).toString("base64"))), values);
});
