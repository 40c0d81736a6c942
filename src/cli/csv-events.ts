import { v5 as uuidv5 } from 'uuid';
import { RowError, readCell, slugOf, wordsOf } from './csv-cells.ts';
import {
  type CategoryValue,
  type ColumnValue,
  type Mapping,
  placeholders,
  type Value,
} from './csv-mapping.ts';

/** The cells of one row by the names in the header. */
export type Row = Record<string, string>;

/** An event as a line of `POST /v1/events` carries it. */
export type Event = { type: string } & Record<string, unknown>;

/**
 * Makes events of rows as the mapping says. It remembers the categories it has announced and the rows it has seen, so
 * one of them serves one table, from its top to its end; its memory grows with what is distinct in it.
 */
export const createRowMapper = (mapping: Mapping): ((row: Row) => Event[]) => {
  const seen = new Set<string>();
  /** Slugs announced, with the slug above. */
  const announced = new Map<string, string | undefined>();

  const announce = (event: Event & { slug: string; parent_slug?: string }, events: Event[]) => {
    const { slug, parent_slug } = event;
    if (!announced.has(slug)) {
      announced.set(slug, parent_slug);
      events.push(event);
    } else if (announced.get(slug) !== parent_slug) {
      throw new RowError(`two categories would have the slug "${slug}"`);
    }
  };

  const categoryOf = (value: CategoryValue, row: Row, events: Event[]): string | undefined => {
    const path = cell(row, value.category)
      .split(value.split)
      .map((part) => part.trim())
      .filter(Boolean);
    if (path.length === 0) return undefined;
    if (value.under) announce({ type: 'category', ...value.under }, events);
    let above = value.under?.slug;
    for (const part of path) {
      const name = value.as === 'words' ? wordsOf(part) : part;
      const slug = above === undefined ? slugOf(name) : `${above}-${slugOf(name)}`;
      const parent = above === undefined ? {} : { parent_slug: above };
      announce({ type: 'category', slug, name, ...parent }, events);
      above = slug;
    }
    return above;
  };

  /** Undefined leaves the field out. Categories met on the way are added to `events`. */
  const make = (value: Value, row: Row, events: Event[]): unknown => {
    if (typeof value === 'string') return cell(row, value) || undefined;
    if ('column' in value) return columnOf(value, row);
    if ('category' in value) return categoryOf(value, row, events);
    if ('const' in value) return value.const;
    if ('template' in value) return fill(value.template, row);
    if ('uuid' in value) {
      const name = fill(value.uuid, row);
      if (name === undefined) throw new RowError(`nothing in the columns of the id ${value.uuid}`);
      return uuidv5(name, mapping.namespace);
    }
    if ('list' in value) {
      const made = value.list.flatMap((part) => make(part, row, events));
      return [...new Set(made.filter((part) => part !== undefined))];
    }
    const entries = Object.entries(value.object).map(([name, part]) => [name, make(part, row, events)]);
    return Object.fromEntries(entries.filter(([, part]) => part !== undefined));
  };

  return (row) => {
    const key = mapping.unique === undefined ? undefined : cell(row, mapping.unique);
    if (key !== undefined && seen.has(key)) return [];
    const events: Event[] = [];
    for (const { type, when, fields } of mapping.events) {
      if (when !== undefined && cell(row, when) === '') continue;
      const event: Event = { type };
      for (const [name, value] of Object.entries(fields)) {
        const made = make(value, row, events);
        if (made !== undefined) event[name] = made;
      }
      events.push(event);
    }
    if (key !== undefined) seen.add(key);
    return events;
  };
};

const cell = (row: Row, column: string): string => row[column]?.trim() ?? '';

const fill = (template: string, row: Row): string | undefined =>
  placeholders(template).some((column) => cell(row, column) === '')
    ? undefined
    : template.replace(/\{([^{}]+)\}/g, (_, column: string) => cell(row, column));

const matched = (text: string, pattern: string): string => {
  const found = new RegExp(pattern, 'u').exec(text);
  return (found?.[1] ?? found?.[0] ?? '').trim();
};

const shortened = (made: string | number | boolean, max?: number) =>
  typeof made === 'string' && max !== undefined ? [...made].slice(0, max).join('').trim() : made;

const columnOf = (value: ColumnValue, row: Row) => {
  const whole = cell(row, value.column);
  const text = value.match === undefined ? whole : matched(whole, value.match);
  const parts = value.split === undefined ? [text] : text.split(value.split).map((part) => part.trim());
  const made = parts
    .filter(Boolean)
    .slice(0, value.take)
    .map((part) => shortened(readCell(part, value.as), value.max_length));
  if (made.length === 0) return value.default;
  if (value.join !== undefined) return made.join(value.join);
  return value.split === undefined || value.take === 1 ? made[0] : made;
};
