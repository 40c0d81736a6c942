import { expect, test } from 'vitest';
import { describeRoutes } from './openapi.ts';
import { routes } from './routes.ts';

interface Operation {
  operationId: string;
  security: unknown[];
  responses: Record<string, unknown>;
  parameters?: { in: string; name: string }[];
}
const document = JSON.parse(JSON.stringify(describeRoutes(routes))) as {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
};

const references = (value: unknown): string[] => {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) =>
    key === '$ref' && typeof child === 'string' ? [child] : references(child),
  );
};

const resolve = (reference: string): unknown =>
  reference
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], document);

test('describes every route, with its key and its path parameters', () => {
  expect(document.openapi).toBe('3.1.0');
  for (const { method, path, scope, body } of routes) {
    const operation = document.paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method];
    expect(operation, `${method} ${path}`).toBeDefined();
    expect(operation?.security).toEqual(scope === 'public' ? [] : [{ key: [] }]);
    const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name);
    const described = (operation?.parameters ?? []).filter((parameter) => parameter.in === 'path');
    expect(described.map(({ name }) => name)).toEqual(named);
    if (scope !== 'public')
      expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(['401', '403']));
    if (body) expect(operation).toHaveProperty('requestBody');
  }
});

test('every reference resolves and no operation is named twice', () => {
  const found = references(document);
  expect(found.length).toBeGreaterThan(5);
  expect(found.filter((reference) => resolve(reference) === undefined)).toEqual([]);
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).map((one) => one.operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});
