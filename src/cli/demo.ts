import { Command } from 'commander';
import { z } from 'zod';
import { askApi } from './api-client.ts';
import { type ApiAddress, type ConnectionOptions, findApi, withApiOptions } from './connection.ts';
import { demoQueries } from './demo-queries.ts';
import { CommandError } from './failure.ts';
import { printable } from './table.ts';

const List = z.object({
  items: z.array(
    z.object({
      product_id: z.string(),
      score: z.number(),
      source: z.string(),
      product: z.object({ name: z.string(), category_slug: z.string().nullable() }).optional(),
    }),
  ),
});
type Item = z.output<typeof List>['items'][number];
const Categories = z.object({ items: z.array(z.object({ slug: z.string() })) });

/** Names of real shops run long. */
const nameLength = 76;

export const demoCommand = (): Command =>
  new Command('demo')
    .description('show what the running system makes of its catalogue')
    .addCommand(
      withApiOptions(
        new Command('search')
          .description('ten searches, and ten products with those most like them')
          .option('--k <n>', 'how many of each', '5'),
      ).action(demoSearch),
    );

const print = (line = ''): void => void process.stdout.write(`${line}\n`);

const printItems = (items: readonly Item[]): void => {
  if (items.length === 0) print('    nothing');
  for (const { score, source, product } of items) {
    const name = printable(product?.name ?? '').slice(0, nameLength);
    print(
      `  ${score.toFixed(3)}  ${source.padEnd(8)}  ${name}  [${printable(product?.category_slug ?? '')}]`,
    );
  }
};

const search = async (api: ApiAddress, q: string, k: string): Promise<Item[]> =>
  List.parse(await askApi(api, `/v1/search?${new URLSearchParams({ q, k, expand: 'product' })}`)).items;

const demoSearch = async ({ k, ...options }: ConnectionOptions & { k: string }): Promise<void> => {
  const api = await findApi(options);
  const { items: categories } = Categories.parse(await askApi(api, '/v1/categories'));
  const known = new Set(categories.map(({ slug }) => slug));
  const shown = demoQueries.filter(({ category }) => known.has(category));
  if (shown.length === 0)
    throw new CommandError('there is neither the demo shop nor the Amazon catalogue of examples/ to search');
  for (const { title, searches, products } of shown) {
    print(`# ${title}`);
    for (const q of searches) {
      print(`\nsearch: ${q}`);
      printItems(await search(api, q, k));
    }
    for (const q of products) {
      const [product] = await search(api, q, '1');
      if (!product) continue;
      print(`\nlike: ${printable(product.product?.name ?? '').slice(0, nameLength)}`);
      const path = `/v1/products/${product.product_id}/similar?${new URLSearchParams({ k, expand: 'product' })}`;
      printItems(List.parse(await askApi(api, path)).items);
    }
    print();
  }
};
