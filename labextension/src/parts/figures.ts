import type { Figure } from '../api/contract';

/** What stands where a number is not known. */
export const NO_FIGURE = '–';

/** Return a number with at most four significant digits; whole numbers keep all of theirs. */
export function formatFigure(
  value: Figure | undefined,
  locale: string
): string {
  if (value === null || value === undefined) {
    return NO_FIGURE;
  }
  const options: Intl.NumberFormatOptions = Number.isInteger(value)
    ? { maximumFractionDigits: 0 }
    : Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7
      ? { notation: 'scientific', maximumSignificantDigits: 4 }
      : { maximumSignificantDigits: 4 };
  return new Intl.NumberFormat(locale, options).format(value);
}

/** Return a difference with its sign, to four decimals where it has so many. */
export function formatChange(value: number, locale: string): string {
  return new Intl.NumberFormat(locale, {
    signDisplay: 'exceptZero',
    maximumFractionDigits: 4
  }).format(value);
}

/** Return a share as a percentage. */
export function formatShare(value: Figure, locale: string): string {
  return value === null
    ? NO_FIGURE
    : new Intl.NumberFormat(locale, {
        style: 'percent',
        maximumFractionDigits: value < 0.1 ? 1 : 0
      }).format(value);
}

/** Return bytes in the unit that fits. */
export function formatBytes(bytes: number, locale: string): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
  const power = Math.min(
    Math.floor(Math.log10(Math.max(bytes, 1)) / 3),
    units.length - 1
  );
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: units[power]!,
    unitDisplay: power === 0 ? 'long' : 'short',
    maximumSignificantDigits: 3
  }).format(bytes / 1000 ** power);
}

/** Return a duration as people say it: `0.4s`, `12s`, `3m 05s`, `2h 10m`. */
export function formatDuration(seconds: Figure): string {
  if (seconds === null) {
    return NO_FIGURE;
  }
  if (seconds < 10) {
    return `${seconds.toFixed(1)}s`;
  }
  const whole = Math.round(seconds);
  if (whole < 60) {
    return `${whole}s`;
  }
  const [hours, minutes] = [
    Math.floor(whole / 3600),
    Math.floor(whole / 60) % 60
  ];
  return hours > 0
    ? `${hours}h ${pad(minutes)}m`
    : `${minutes}m ${pad(whole % 60)}s`;
}

/** Return a digest that a person can compare: its algorithm is left out and twelve digits remain. */
export function shortDigest(digest: string): string {
  return digest.replace(/^[a-z0-9-]+:/i, '').slice(0, 12);
}

/** Return how long ago a time was, in the user's language; `now` is in milliseconds. */
export function formatAgo(iso: string, now: number, locale: string): string {
  const then = Date.parse(iso);
  if (Number.isNaN(then)) {
    return '';
  }
  const seconds = Math.round((then - now) / 1000);
  const format = new Intl.RelativeTimeFormat(locale, {
    numeric: 'auto',
    style: 'narrow'
  });
  for (const [unit, length] of AGO_UNITS) {
    if (Math.abs(seconds) >= length) {
      return format.format(Math.trunc(seconds / length), unit);
    }
  }
  return format.format(0, 'second');
}

/** Return a time in full, in the user's language and time zone. */
export function formatTime(iso: string, locale: string): string {
  const then = Date.parse(iso);
  return Number.isNaN(then)
    ? ''
    : new Intl.DateTimeFormat(locale, {
        dateStyle: 'medium',
        timeStyle: 'medium'
      }).format(then);
}

const AGO_UNITS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60]
];

function pad(value: number): string {
  return String(value).padStart(2, '0');
}
