import type { Choice } from './recommendations-choose.ts';

const because = {
  viewed: (product: string) => `because you viewed ${product}`,
  clicked: (product: string) => `because you looked at ${product}`,
  bought: (product: string) => `because you bought ${product}`,
  carted: (product: string) => `because you put ${product} into your cart`,
  wished: (product: string) => `because ${product} is on your wishlist`,
  rated: (product: string) => `because you liked ${product}`,
} as const;

const fits = 'fits what you like';

/** Why a product is on the list, in words. `nameOf` says what to call a product. */
export const reasonOf = (
  choice: Choice,
  { category, nameOf }: { category: string | undefined; nameOf: (number: number) => string },
): string => {
  const { reason } = choice;
  if (reason === 'query') return 'similar meaning';
  if (reason === 'popular') return category === undefined ? 'popular this week' : `popular in ${category}`;
  if (reason === 'profile' || choice.because === 0) return fits;
  return because[reason](nameOf(choice.because));
};
