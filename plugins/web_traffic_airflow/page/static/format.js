// Writes numbers and times. Times are in the zone that is chosen in Airflow, whose UI keeps it in the local storage.

const local = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ZONE = [localStorage.getItem("timezone")?.replaceAll('"', ""), local].find(isZone) ?? "UTC";

/** The name of the zone of all times that are shown. */
export const zone = ZONE === "Etc/UTC" ? "UTC" : ZONE;

// Swedish writes times as "2026-01-31 12:05:00".
const TIME = new Intl.DateTimeFormat("sv-SE", { timeZone: ZONE, dateStyle: "short", timeStyle: "medium" });

function isZone(name) {
  try {
    return Boolean(name && new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** A time of the zone, such as "2026-01-31T12:05", as one of UTC in the same form. */
export function toUtc(text) {
  const meant = Date.parse(`${text}Z`);
  const off = (at) => Date.parse(`${TIME.format(at).replace(" ", "T")}Z`) - at;
  return new Date(meant - off(meant - off(meant))).toISOString().slice(0, 16);
}

const WHOLE = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
const PERCENT = new Intl.NumberFormat("en-US", { style: "percent", maximumFractionDigits: 1 });
const CHANGE = new Intl.NumberFormat("en-US", {
  style: "percent",
  maximumFractionDigits: 0,
  signDisplay: "exceptZero",
});

/** 1234567 → "1,234,567"; a dash for what is not known. */
export const number = (value) => (value === null || value === undefined ? "–" : WHOLE.format(value));

/** 1234567 → "1.2M". */
export const short = (value) => SHORT.format(value);

/** 0.123 → "12.3%". */
export const percent = (value) => (value === null ? "–" : PERCENT.format(value));

/** A figure with its unit: "12.3%" for a share, "61 minutes". */
export function measured(value, unit) {
  if (value === null) return "–";
  const figure = unit === "share" ? 100 * value : value;
  const text = figure.toLocaleString("en-US", { maximumSignificantDigits: 4 });
  return unit === "share" ? `${text}%` : `${text} ${unit ?? ""}`.trim();
}

/** Change from one figure to another: "+12%", "×25", or "new". */
export function change(before, now) {
  if (before === 0) return now === 0 ? "–" : "new";
  return now < 10 * before ? CHANGE.format(now / before - 1) : `×${short(now / before)}`;
}

/** A time as "2026-01-31 12:05:00"; of a string, or of seconds since 1970. */
export function time(at) {
  if (at === null || at === undefined) return "–";
  return TIME.format(typeof at === "number" ? at * 1000 : new Date(at));
}

/** A time without its seconds. */
export const minute = (at) => (at === null || at === undefined ? "–" : time(at).slice(0, 16));

/** Seconds as "9.1 s", "12 min", "3 h" or "2 d". */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 100) return `${seconds > 0 && seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** Bytes of a base64 string as text if they are UTF-8, else as a hex dump; `isCut` if there is more of them. */
export function bytes(base64, isCut) {
  const raw = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  try {
    // A cut may go through a character, and a control character has a picture.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw, { stream: isCut });
    const visible = (character) =>
      character === "\u007f" ? "\u2421" : String.fromCodePoint(0x2400 + character.codePointAt(0));
    return { text: text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, visible), isText: true };
  } catch {
    return { text: hexDump(raw), isText: false };
  }
}

function hexDump(raw) {
  const lines = [];
  for (let start = 0; start < raw.length; start += 16) {
    const line = [...raw.slice(start, start + 16)];
    const hex = line.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = line.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${start.toString(16).padStart(8, "0")}  ${hex.padEnd(47)}  ${text}`);
  }
  return lines.join("\n");
}
