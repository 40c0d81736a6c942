import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { describe, expect, test } from 'vitest';
import { ConfigError, Env, loadConfig, projectRoot } from './config.ts';

const required = {
  DATABASE_URL: 'postgres://zyra:PASSWORD@127.0.0.1:5432/zyra',
  REDIS_QUEUE_URL: 'redis://:PASSWORD@127.0.0.1:6379',
  REDIS_CACHE_URL: 'redis://:PASSWORD@127.0.0.1:6380',
};

/** What `loadConfig` says about an environment it refuses. */
const refusal = (env: NodeJS.ProcessEnv): string => {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the environment was accepted');
};

describe('.env.example', () => {
  const text = readFileSync(join(projectRoot, '.env.example'), 'utf8');
  const example = parseEnv(text);

  test('names every setting, and no other', () => {
    expect(Object.keys(example).sort()).toEqual(Object.keys(Env.shape).sort());
  });

  test('shows the defaults', () => {
    expect(loadConfig(example)).toEqual(loadConfig(required));
  });

  test('says what each setting is for', () => {
    const lines = text.split('\n');
    const unexplained = lines.filter((line, at) => /^[A-Z]/.test(line) && !lines[at - 1]?.startsWith('# '));
    expect(unexplained).toEqual([]);
  });
});

describe('loadConfig', () => {
  test('names every bad or missing variable at once', () => {
    const message = refusal({
      REDIS_QUEUE_URL: 'http://example.org',
      REDIS_CACHE_URL: required.REDIS_CACHE_URL,
      PORT: 'a lot',
      ZYRA_ADMIN_KEY: 'short',
    });
    const named = [...message.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(['DATABASE_URL', 'PORT', 'REDIS_QUEUE_URL', 'ZYRA_ADMIN_KEY']);
  });

  test('repeats no value, it may be a secret', () => {
    const canary = 'canary-b7d1';
    const everywhere = Object.fromEntries(Object.keys(Env.shape).map((name) => [name, canary]));
    expect(refusal(everywhere)).not.toContain(canary);
  });

  test('takes an empty variable for an unset one', () => {
    const emptied = Object.fromEntries(Object.keys(Env.shape).map((name) => [name, '']));
    expect(loadConfig({ ...emptied, ...required })).toEqual(loadConfig(required));
    expect(refusal({ ...required, DATABASE_URL: '' })).toContain('DATABASE_URL');
  });

  test('ignores what is none of its business', () => {
    expect(loadConfig({ ...required, PATH: '/bin' })).not.toHaveProperty('PATH');
  });

  test.each(['0', '-1', '1.5', '1e99', 'NaN', ' '])('refuses %j as a count', (value) => {
    expect(refusal({ ...required, WORKER_CONCURRENCY: value })).toContain('WORKER_CONCURRENCY');
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('reads %s as %s', (text, value) => {
    expect(loadConfig({ ...required, ALLOW_UNSAFE_REDIS: text }).ALLOW_UNSAFE_REDIS).toBe(value);
  });
});

describe('in production', () => {
  const sound = {
    NODE_ENV: 'production',
    DATABASE_URL: 'postgres://zyra:5d41402abc4b2a76@db/zyra',
    REDIS_QUEUE_URL: 'rediss://:7d793037a0760186@queue:6379',
    REDIS_CACHE_URL: 'redis://:9b74c9897bac770f@cache:6379',
    ZYRA_SECRET: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e',
    ZYRA_ADMIN_KEY: '486ea46224d1bb4fb680f34f7c9ad96a8f24ec88',
  };

  test('takes secrets of its own', () => {
    expect(loadConfig(sound).NODE_ENV).toBe('production');
  });

  test.each([
    ['DATABASE_URL', 'postgres://zyra@db/zyra'],
    ['DATABASE_URL', 'postgres://zyra:PASSWORD@db/zyra'],
    ['DATABASE_URL', 'postgres://postgres:postgres@db/zyra'],
    ['REDIS_QUEUE_URL', 'redis://queue:6379'],
    ['REDIS_QUEUE_URL', 'redis://:123456@queue:6379'],
    ['REDIS_CACHE_URL', 'redis://:change%6De@cache:6379'],
    ['ZYRA_SECRET', ''],
    ['ZYRA_SECRET', 'development-only-secret-not-for-production'],
    ['ZYRA_SECRET', 'a'.repeat(40)],
    ['ZYRA_ADMIN_KEY', 'changeme-changeme-changeme-1'],
    ['ZYRA_ADMIN_KEY', '0123012301230123012301230123'],
  ])('refuses to start with %s=%s', (name, value) => {
    const message = refusal({ ...sound, [name]: value });
    expect(message).toContain(`  ${name}: `);
    expect(message.split('\n')).toHaveLength(2);
    expect(loadConfig({ ...sound, [name]: value, NODE_ENV: 'test' })).toBeDefined();
  });
});
