import { slug } from '../../jobs/upsert-categories.ts';
import { decimal } from '../fields.ts';
import type { ListFilter } from '../serving/catalogue.ts';
import { invalid } from './problem.ts';

/** `category` of the calls that answer lists. */
export const category = slug.optional().meta({ description: 'Slug; what lies below it is included.' });

/** A price bound of the calls that answer lists. */
export const price = decimal(10, 2).optional();

const hundredths = (amount: string | undefined): number | undefined =>
  // Exact: no amount has more than ten digits.
  amount === undefined ? undefined : Math.round(Number(amount) * 100);

/** The filter that a query asks for. @throws Problem 400 when nothing can fit it. */
export const filterOf = (query: {
  category?: string | undefined;
  min_price?: string | undefined;
  max_price?: string | undefined;
}): ListFilter => {
  const minPrice = hundredths(query.min_price);
  const maxPrice = hundredths(query.max_price);
  if (minPrice !== undefined && maxPrice !== undefined && minPrice > maxPrice)
    throw invalid([{ path: '/min_price', message: 'must not be above max_price' }]);
  return { category: query.category, minPrice, maxPrice };
};
