import { v5 as uuidv5 } from 'uuid';

/** Fixed for ever; `review_id_for` in the migrations has the same. */
const namespace = '5b0c1d36-7e57-4f0b-9d0e-2f4a8c6b1e93';

/** The id of a user's review of a product: there is one at most, so its id follows from the two. */
export const reviewId = (userId: string, productId: string): string =>
  uuidv5(`${userId}:${productId}`, namespace);
