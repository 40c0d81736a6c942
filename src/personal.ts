/** Fields that can tell something about a person, in events of any kind and at any depth of their JSON. */
const personalFields = new Set([
  ...['email', 'username', 'password', 'password_hash', 'profile', 'first_name', 'last_name', 'full_name'],
  ...['phone', 'address', 'birth_date', 'ip', 'ip_address', 'user_agent', 'context', 'device', 'query'],
  // What a person wrote.
  ...['title', 'comment'],
]);

export const mask = '[masked]';

/** Deeper than any accepted event; what was put into the queue past the door must not exhaust the stack. */
const maxDepth = 64;

const maskAt = (value: unknown, depth: number): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > maxDepth) return mask;
  if (Array.isArray(value)) return value.map((item) => maskAt(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [
      key,
      personalFields.has(key.toLowerCase()) && child !== null ? mask : maskAt(child, depth + 1),
    ]),
  );
};

/** A copy in which every personal field is masked, for showing payloads to operators. Ids stay: they are needed. */
export const maskPersonal = (value: unknown): unknown => maskAt(value, 0);
