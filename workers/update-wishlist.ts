import { refreshUsers } from '../jobs/refresh-users.ts';
import { updateWishlist } from '../jobs/update-wishlist.ts';
import { applyWishlistLines } from '../src/db/lines.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpdateWishlist = applyEvents(updateWishlist, {
  apply: applyWishlistLines,
  wakes: [refreshUsers],
});
