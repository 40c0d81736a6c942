interface Point {
  x: number;
  y: number;
}

interface Plot {
  title: string;
  x: string;
  y: string;
  points: readonly Point[];
}

const [width, height, margin] = [640, 400, 64];

const round = (value: number): string => String(Math.round(10 * value) / 10);
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const short = (value: number): string => new Intl.NumberFormat('en', { notation: 'compact' }).format(value);

/** The exponent of the power of x by which y grows: 1 where twice as much takes twice as long. Least squares of logarithms. */
export const growthOf = (points: readonly Point[]): number => {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)] as const);
  const mean = (at: 0 | 1) => logs.reduce((sum, log) => sum + log[at], 0) / logs.length;
  const [x, y] = [mean(0), mean(1)];
  const over = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0);
  return over / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0);
};

/** A line over logarithmic axes, as SVG, each point with its figures. */
export const plot = ({ title, x, y, points }: Plot): string => {
  const scale = (values: readonly number[], from: number, to: number) => {
    const [low, high] = [Math.log(Math.min(...values)), Math.log(Math.max(...values))];
    return (value: number) => from + ((to - from) * (Math.log(value) - low)) / (high - low || 1);
  };
  const atX = scale(
    points.map((point) => point.x),
    margin,
    width - margin,
  );
  // From a third of the least to thrice the greatest: a flat line should look flat.
  const atY = scale(
    points.flatMap((point) => [point.y / 3, point.y * 3]),
    height - margin,
    margin,
  );
  const line = points.map((point) => `${round(atX(point.x))},${round(atY(point.y))}`).join(' ');
  const marks = points.map((point) => {
    const [left, top] = [round(atX(point.x)), atY(point.y)];
    return `  <circle cx="${left}" cy="${round(top)}" r="4" fill="#0b6"/>
  <text x="${left}" y="${round(top - 12)}" text-anchor="middle">${short(point.y)}</text>
  <text x="${left}" y="${height - margin + 20}" text-anchor="middle">${short(point.x)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="13">
  <title>${escaped(title)}</title>
  <rect width="${width}" height="${height}" fill="#fff"/>
  <text x="${width / 2}" y="28" text-anchor="middle" font-size="16">${escaped(title)}</text>
  <path d="M${margin},${margin}V${height - margin}H${width - margin}" fill="none" stroke="#999"/>
  <text x="${width / 2}" y="${height - 14}" text-anchor="middle">${escaped(x)}</text>
  <text transform="rotate(-90 20 ${height / 2})" x="20" y="${height / 2}" text-anchor="middle">${escaped(y)}</text>
  <polyline points="${line}" fill="none" stroke="#0b6" stroke-width="2"/>
${marks.join('\n')}
</svg>
`;
};
