// The model of a widget on a page without a kernel: as much of anywidget's as a widget uses.
//
// What the kernel would compute lies on the page already, one entry for each of the settings `keys` names.

/**
 * `keys`: the settings that choose; `entries`: { "value value": index }; `results`: [{ trait: value }], so that
 * settings with one outcome share it. Listeners hear a change once.
 */
export function aloneModel(state, { keys, entries, results }) {
  const heard = new Map();
  let changed = new Set();
  const look_up = () => {
    for (const [name, value] of Object.entries(results[entries[keys.map((key) => state[key]).join(" ")]])) {
      state[name] = value;
      changed.add(name);
    }
  };
  const tell = () => {
    const calls = new Set([...changed].flatMap((name) => heard.get(`change:${name}`) ?? []));
    changed = new Set();
    for (const call of calls) call();
  };
  look_up();
  changed.clear();
  return {
    get: (name) => state[name],
    set: (name, value) => { if (state[name] !== value) { state[name] = value; changed.add(name); } },
    save_changes: () => { if (keys.some((key) => changed.has(key))) look_up(); tell(); },
    on: (events, call) => events.split(" ").forEach((event) => heard.set(event, [...(heard.get(event) ?? []), call])),
    off: (events, call) => events.split(" ").forEach((event) => heard.set(event, (heard.get(event) ?? []).filter((c) => c !== call))),
  };
}

/** What a trait of bytes is in a notebook, from its text in base64. */
export const unpacked = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
