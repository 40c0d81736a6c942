import { refreshUsers } from '../jobs/refresh-users.ts';
import { updateCart } from '../jobs/update-cart.ts';
import { applyCartLines } from '../src/db/lines.ts';
import { applyEvents } from '../src/queue/apply-events.ts';

export const handleUpdateCart = applyEvents(updateCart, {
  apply: applyCartLines,
  wakes: [refreshUsers],
});
