import type { Leaf } from './vocabulary.ts';

export const fashion: readonly Leaf[] = [
  {
    slug: 'fashion-mens-shirts',
    name: "Men's Shirts",
    parent: 'fashion',
    products: 88,
    title: '{brand} {look} {noun}',
    brands: { Harrow: 0.9, Arvani: 0.7, 'Blue Peepal': 0.5, Chowk: 0.35, Streetwise: 0.2, Daily: 0.05 },
    looks:
      'White; Sky Blue; Indigo Striped; Olive; Charcoal; Maroon Checked; Mustard; Teal Printed; Lavender; Black',
    features:
      'a fabric washed soft before sewing; single-needle stitching; spare buttons inside the placket; a hem that looks right tucked or loose; colours that hold after fifty washes; breathable underarm gussets',
    uses: 'Right for office weekdays and an easy dinner after; For humid afternoons when anything heavier would cling; Wear it to weddings, pujas and family photographs; Pairs with chinos as well as with faded denim; A safe gift for brothers, fathers and colleagues',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Linen Shirt',
        price: [1_499, 4_999],
        about: 'A pure linen shirt that breathes through the hottest months.',
        features:
          'European flax yarn; a cutaway collar without stiffness; roll-up sleeve tabs; coconut shell buttons',
        tags: 'linen, summer, breathable',
      },
      {
        noun: 'Oxford Cotton Shirt',
        price: [999, 3_499],
        about: 'A button-down Oxford in sturdy basket-weave cotton, smart without trying.',
        features:
          'a soft-roll button-down collar; a box pleat at the back; a chest pocket; two-ply yarn with body',
        tags: 'oxford, cotton, button-down',
      },
      {
        noun: 'Formal Slim Fit Shirt',
        price: [899, 3_999],
        about: 'A crisp formal shirt cut close, for suits and boardrooms.',
        features:
          'an easy-iron finish; a semi-spread collar with removable stays; convertible cuffs; darts that shape the waist',
        tags: 'formal, slim fit, office wear',
      },
      {
        noun: 'Denim Shirt',
        price: [1_199, 3_799],
        about: 'A casual denim shirt that looks better with every wash.',
        features: 'snap buttons; a western yoke; ring-spun indigo cotton; twin flap pockets',
        tags: 'denim, casual, western',
      },
      {
        noun: 'Short Kurta Shirt',
        price: [799, 2_999],
        about: 'A band-collar kurta shirt that sits between tradition and weekend ease.',
        features:
          'handloom khadi cloth; wooden toggle buttons; side slits for comfort; a mandarin collar with fine piping',
        tags: 'kurta, ethnic, band collar',
      },
      {
        noun: 'Flannel Overshirt',
        price: [1_399, 3_999],
        about: 'A brushed flannel overshirt for hill mornings and cool northern winters.',
        features:
          'double-brushed twill; a boxy cut that layers over a tee; deep hand-warmer pockets; corduroy inside the collar',
        tags: 'flannel, winter, layering',
      },
      {
        noun: 'Resort Camp Collar Shirt',
        price: [799, 2_799],
        about: 'A breezy camp-collar shirt in drapey viscose for beaches and barbecues.',
        features:
          'an open notch collar; a hand-drawn print; a straight boxy hem; fluid viscose that dries fast',
        tags: 'resort, vacation, camp collar',
      },
    ],
  },
  {
    slug: 'fashion-womens-kurtas',
    name: "Women's Kurtas",
    parent: 'fashion',
    products: 92,
    title: '{brand} {look} {noun}',
    brands: { Gulmohar: 0.85, Sanjhi: 0.65, Rangrez: 0.5, Mehr: 0.4, Saanjh: 0.25, Tulsi: 0.1 },
    looks: 'Indigo; Rani Pink; Mustard; Sage Green; Ivory; Rust; Peacock Blue; Wine; Peach; Black and Gold',
    features:
      'side pockets hidden in the seam; azo-free dyes; a lining that never clings; three-quarter sleeves; hand-finished tassels; a fall cut on the bias',
    uses: 'Comfortable from the morning meeting to the evening aarti; Made for Diwali lunches, haldi mornings and Eid visits; For college days with jhumkas and a jute bag; Easy over leggings, palazzos or jeans; For mothers-to-be who want room and grace',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Block Print Cotton Kurta',
        price: [699, 2_499],
        about: 'A straight cotton kurta printed by hand with carved wooden blocks.',
        features:
          'Bagru motifs in natural mud resist; soft voile that airs in the heat; a notched round neck; mirror buttons',
        tags: 'cotton, block print, handmade',
      },
      {
        noun: 'Chikankari Kurta',
        price: [1_299, 5_499],
        about: 'A Lucknow chikankari kurta with shadow-work embroidery on sheer cloth.',
        features:
          'thirty-two hand stitches across the yoke; delicate jaali work; a scalloped hem; fine georgette with a slip',
        tags: 'chikankari, embroidery, lucknow',
      },
      {
        noun: 'Anarkali Kurta Set',
        price: [1_799, 7_999],
        about: 'A flared anarkali set with trousers and dupatta for festive evenings.',
        features:
          'sixteen kalis that swirl as you turn; gota patti borders; a matching organza dupatta; a keyhole back with latkans',
        tags: 'anarkali, festive, set',
      },
      {
        noun: 'Silk Straight Kurta',
        price: [1_999, 8_499],
        about: 'A tailored kurta in silk blend with a quiet sheen for weddings and receptions.',
        features:
          'zari buttis woven through; a mandarin neck with potli buttons; princess seams; a satin-finished inside',
        tags: 'silk, wedding, straight cut',
      },
      {
        noun: 'Short Tunic Kurti',
        price: [449, 1_699],
        about: 'A hip-length kurti for jeans, errands and casual Fridays.',
        features: 'a flared peplum waist; bell sleeves; crinkled rayon that needs no iron; a tie-up neckline',
        tags: 'kurti, casual, rayon',
      },
      {
        noun: 'Woollen Winter Kurta',
        price: [1_199, 3_999],
        about: 'A warm kurta in acrylic wool for Delhi winters and hill stations.',
        features: 'Kashmiri aari embroidery; a high ribbed neck; a brushed inner face; long fitted cuffs',
        tags: 'winter, woollen, warm',
      },
    ],
  },
  {
    slug: 'fashion-sarees',
    name: 'Sarees',
    parent: 'fashion',
    products: 68,
    title: '{brand} {look} {noun}',
    brands: { Tantuvaya: 0.9, Gulmohar: 0.75, Resham: 0.55, Padma: 0.35, Saanjh: 0.2 },
    looks:
      'Emerald Green; Vermilion Red; Royal Blue; Turmeric Yellow; Magenta; Off-White; Temple Maroon; Dusty Rose; Peacock',
    features:
      'an unstitched blouse piece; a tag that names the weavers; a pallu finished with hand-knotted tassels; a fall and edging already done; a muslin storage bag; contrast borders on both sides',
    uses: 'Worn by brides, their mothers and every aunt who dances; For Durga Puja, Onam and Pongal mornings; Drapes without a pin for those new to sarees; An heirloom to hand down with its story; Looks composed through a long day at work',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Banarasi Silk Saree',
        price: [4_500, 28_000],
        about: 'A Banarasi saree with brocade woven on the looms of Varanasi.',
        features:
          'kadhua motifs without loose threads; real zari jangla; a heavy meenakari pallu; katan silk of even weight',
        tags: 'banarasi, silk, bridal',
      },
      {
        noun: 'Kanjivaram Silk Saree',
        price: [6_500, 36_000],
        about: 'A Kanjivaram saree of mulberry silk, its border joined by hand in the korvai way.',
        features:
          'temple-tower borders; three-ply twisted silk; gold-dipped zari; checks of contrasting colour',
        tags: 'kanjivaram, silk, south indian',
      },
      {
        noun: 'Chanderi Cotton Silk Saree',
        price: [2_200, 9_500],
        about: 'A feather-light Chanderi with a glassy texture for summer functions.',
        features:
          'coin-shaped gold buttis; a translucent weave; a slim zari edge; undyed tissue in the pallu',
        tags: 'chanderi, lightweight, summer',
      },
      {
        noun: 'Handloom Cotton Saree',
        price: [899, 3_800],
        about: 'An everyday handloom cotton saree that softens with each wash.',
        features: 'Bengal tant weave; a jamdani pallu; vegetable dyes; starch-free finish',
        tags: 'cotton, handloom, daily wear',
      },
      {
        noun: 'Georgette Party Saree',
        price: [1_199, 6_900],
        about: 'A flowing georgette saree with sparkle for cocktails and sangeet nights.',
        features: 'sequins sewn in waves; a ruffled edge; stone-work lace; a pre-pleated waist',
        tags: 'georgette, party wear, sequins',
      },
      {
        noun: 'Linen Saree',
        price: [1_800, 6_200],
        about: 'A crisp linen saree with a modern stripe, much loved by architects and professors.',
        features:
          'a hundred-count linen yarn; silver zari stripes; a slubby natural hand; digital floral print',
        tags: 'linen, contemporary, office wear',
      },
    ],
  },
  {
    slug: 'fashion-footwear-running-shoes',
    name: 'Running Shoes',
    parent: 'fashion-footwear',
    products: 76,
    title: '{brand} {model} {noun} ({look})',
    brands: { Velora: 0.9, Strido: 0.7, Pavan: 0.5, Kadam: 0.3, Daudo: 0.1 },
    models: ['Glide; Tempo; Cloud; Ridge; Rush; Stride', '2; 3; 5; 9; X; Lite'],
    looks: 'Black/Lime; Pink/Purple; Navy/Orange; White/Silver; Grey/Coral; Olive/Sand',
    features:
      'a knit upper without seams; reflective details for dawn runs; a heel counter that locks the foot; a removable insole; laces that stay tied; an upper made from recycled bottles',
    uses: 'For the first couch-to-5K and the tenth half marathon; Kind to knees on hard city roads; For gym days that end on the treadmill; A dependable pair for morning walkers; For runners who count grams and seconds',
    warrantyMonths: 3,
    kinds: [
      {
        noun: 'Road Running Shoes',
        price: [2_499, 11_999],
        about: 'Daily training shoes with springy foam for kilometres on tarmac.',
        features:
          'a nitrogen-infused midsole; an 8 mm drop; blown rubber under the forefoot; a padded tongue',
        tags: 'road, running shoes, cushioned',
      },
      {
        noun: 'Trail Running Shoes',
        price: [3_499, 13_999],
        about: 'Grippy trail shoes for mud, roots and loose stones in the Ghats and the hills.',
        features: 'five-millimetre lugs; a rock plate underfoot; a toe cap against stubs; a gaiter loop',
        tags: 'trail, grip, outdoor',
      },
      {
        noun: 'Stability Running Shoes',
        price: [3_999, 12_999],
        about: 'Supportive running shoes that guide feet which roll inward.',
        features: 'a dual-density medial post; a broad base; a gel pod at the heel; a firm arch cradle',
        tags: 'stability, overpronation, support',
      },
      {
        noun: 'Carbon Racing Shoes',
        price: [9_999, 24_999],
        about: 'Race-day shoes with a carbon plate that pays back every stride.',
        features:
          'a full-length curved carbon plate; a superlight 190 gram build; a rocker that tips you forward; foam with record energy return',
        tags: 'racing, carbon plate, marathon',
      },
      {
        noun: 'Walking Shoes',
        price: [1_299, 5_499],
        about: 'Easy slip-in walking shoes for parks, errands and long days on your feet.',
        features:
          'a heel that slides on without hands; memory foam underfoot; a wide toe box; a flexible outsole',
        tags: 'walking, comfort, slip-on',
      },
    ],
  },
  {
    slug: 'fashion-footwear-formal-shoes',
    name: 'Formal Shoes',
    parent: 'fashion-footwear',
    products: 54,
    title: '{brand} {look} {noun}',
    brands: { Ashford: 0.95, Charmakar: 0.7, Regal: 0.5, Mochi: 0.3, Kadam: 0.1 },
    looks: 'Black; Dark Brown; Tan; Oxblood; Cognac; Navy; Two-Tone',
    features:
      'full-grain leather from Kanpur tanneries; a cushioned footbed; a sole you can have replaced; a soft glove-leather lining; a shoe bag in the box; a hand-burnished toe',
    uses: 'Finishes a suit for interviews and board meetings; For grooms and their party; Comfortable enough for a full day of client visits; Goes from chinos on Friday to trousers on Monday; For the man who owns one good pair and looks after it',
    warrantyMonths: 6,
    kinds: [
      {
        noun: 'Oxford Shoes',
        price: [2_499, 12_999],
        about: 'Closed-lace Oxfords, the most formal shoe in the wardrobe.',
        features: 'a cap toe with fine stitching; a Goodyear welt; waxed cotton laces; a slim bevelled waist',
        tags: 'oxford, lace-up, suit',
      },
      {
        noun: 'Derby Shoes',
        price: [1_999, 8_999],
        about: 'Open-laced Derbies that fit a high instep and pass in any office.',
        features: 'a roomy open lacing; a grippy rubber heel; pebbled scotch-grain leather; contrast eyelets',
        tags: 'derby, lace-up, office',
      },
      {
        noun: 'Brogues',
        price: [2_299, 10_999],
        about: 'Full brogues with punched patterns that dress up denim and dress down wool.',
        features: 'a wing tip with medallion; pinked edges; a storm welt; a stacked leather heel',
        tags: 'brogues, wingtip, smart casual',
      },
      {
        noun: 'Penny Loafers',
        price: [1_499, 7_999],
        about: 'Slip-on loafers for travel days, lunches and socks-optional summers.',
        features:
          'hand-sewn moccasin seams; a saddle strap; elastic under the tongue; a driver sole that bends',
        tags: 'loafers, slip-on, summer',
      },
      {
        noun: 'Mojari Juttis',
        price: [699, 3_499],
        about: 'Embroidered juttis to wear with sherwanis and kurtas at weddings.',
        features:
          'zardozi threadwork; a turned-up toe; a padded insole over the traditional sole; silk uppers',
        tags: 'jutti, ethnic, wedding',
      },
    ],
  },
];
