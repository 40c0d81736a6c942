import type { Leaf } from './vocabulary.ts';

export const home: readonly Leaf[] = [
  {
    slug: 'home-cookware',
    name: 'Cookware',
    parent: 'home',
    products: 74,
    title: '{brand} {model} {noun} ({size})',
    brands: { Annapurna: 0.8, Rasoi: 0.6, Tamra: 0.7, Chulha: 0.35, Kadhaiwala: 0.2, Sadhana: 0.05 },
    models: ['Classic; Royal; Everyday; Heritage; Chef; Terra', 'Select; Plus; Series; One; Gold'],
    looks: 'Steel; Black; Copper; Ruby Red',
    sizes: '1.5 L; 2 L; 3 L; 5 L; 7.5 L',
    features:
      'handles that stay cool; a base that works on induction and gas; a glass lid with steam vent; easy cleaning in the dishwasher; even heat without hot spots; rivets that never loosen; food-safe materials tested free of lead',
    uses: 'For slow dals, quick sabzis and Sunday biryani; Sized for a family of four with guests now and then; Gets new households and hostel kitchens going; For cooks who make it the way their grandmother did; Brings restaurant browning to a home stove',
    warrantyMonths: 24,
    kinds: [
      {
        noun: 'Pressure Cooker',
        price: [1_199, 5_999],
        about: 'A pressure cooker that turns rajma and rice tender in a few whistles.',
        features:
          'a gasket-release safety window; an outer lid that locks at a twist; a tri-ply bottom; a weight valve that whistles clearly',
        tags: 'pressure cooker, quick cooking, induction',
      },
      {
        noun: 'Cast Iron Kadhai',
        price: [1_399, 4_999],
        about: 'A pre-seasoned iron kadhai for deep frying and smoky bhuna.',
        features:
          'a surface seasoned with flaxseed oil; double loop handles; a deep curve that saves oil; iron that enriches the food',
        tags: 'cast iron, kadhai, frying',
      },
      {
        noun: 'Non-Stick Dosa Tawa',
        price: [699, 2_999],
        about: 'A flat tawa that releases crisp dosas and soft chillas with a drop of oil.',
        features:
          'a five-layer granite coating; a low rim for the ladle; a spiral base; a soft-touch long handle',
        tags: 'tawa, non-stick, dosa',
        sizes: '24 cm; 26 cm; 28 cm; 30 cm',
      },
      {
        noun: 'Copper Handi',
        price: [1_899, 7_999],
        about: 'A hammered copper handi that cooks on dum and serves at the table.',
        features:
          'a tin lining renewed by hand; a brass finial; hammer marks by Moradabad smiths; a lid that seals with dough',
        tags: 'copper, handi, serving',
      },
      {
        noun: 'Stainless Steel Casserole',
        price: [899, 4_499],
        about: 'An insulated casserole that keeps rotis soft and curries hot until dinner.',
        features:
          'double walls with foam between; a bread basket insert; a lid with a thumb lock; a mirror-polished rim',
        tags: 'casserole, insulated, serving',
      },
      {
        noun: 'Idli Steamer',
        price: [799, 2_899],
        about: 'A steamer with stacking plates for pillowy idlis, dhokla and momos.',
        features:
          'moulds that release without oil; a whistle that tells you when; an extra perforated plate for vegetables; a water gauge on the side',
        tags: 'steamer, idli, breakfast',
        sizes: '9 Idlis; 12 Idlis; 16 Idlis; 24 Idlis',
      },
      {
        noun: 'Clay Curry Pot',
        price: [549, 2_299],
        about: 'An unglazed clay pot that gives fish curry and curd their earthy taste.',
        features:
          'red riverbed clay fired twice; a coir ring to rest on; a burnished inside; a snug domed lid',
        tags: 'clay pot, traditional, slow cooking',
      },
    ],
  },
  {
    slug: 'home-furniture',
    name: 'Furniture',
    parent: 'home',
    products: 72,
    title: '{brand} {model} {noun} ({look})',
    brands: { 'Sheesham House': 0.9, Griha: 0.6, Lakdi: 0.55, Aangan: 0.4, Modulo: 0.25, Basera: 0.1 },
    models: ['Udaipur; Malabar; Nordic; Coorg; Metro; Haveli', 'Classic; Compact; Grand; Studio'],
    looks: 'Walnut Finish; Honey Teak; Mango Wood; White; Charcoal Grey; Rattan',
    features:
      'free assembly at home; termite-treated timber; felt pads that spare the floor; rounded corners for small children; a finish that hides scratches; knock-down joints for narrow stairs; a three-year frame guarantee',
    uses: 'Makes room in a small city flat; Anchors a living room where everyone gathers; For people who now work where they live; For rented homes that move every other year; Grows old gracefully with the family',
    warrantyMonths: 36,
    kinds: [
      {
        noun: '6 Seater Dining Table',
        price: [14_990, 62_000],
        about: 'A dining table with room for six and the dishes between them.',
        features: 'a tempered glass top; a bench that tucks under; tapered solid legs; an extension leaf',
        tags: 'dining table, dining room, six seater',
      },
      {
        noun: '3 Seater Sofa',
        price: [16_990, 78_000],
        about: 'A deep sofa for films, naps and visiting cousins.',
        features:
          'pocket-spring seats; removable washable covers; a chaise that goes on either side; stain-repellent velvet',
        tags: 'sofa, living room, seating',
      },
      {
        noun: 'Ergonomic Office Chair',
        price: [5_490, 28_990],
        about: 'A desk chair that holds the lower back through a day of meetings.',
        features:
          'adjustable lumbar support; a breathable mesh back; armrests that move four ways; a synchro-tilt with lock',
        tags: 'office chair, ergonomic, work from home',
      },
      {
        noun: 'Queen Bed with Storage',
        price: [17_990, 64_000],
        about: 'A queen bed with hydraulic storage for quilts and suitcases.',
        features:
          'gas lifts that raise the whole base; a padded headboard; slats of seasoned sal; side drawers',
        tags: 'bed, bedroom, storage',
      },
      {
        noun: 'Bookshelf',
        price: [3_490, 19_990],
        about: 'An open bookshelf for novels, plants and things brought home from journeys.',
        features:
          'shelves that carry thirty kilos each; a ladder lean; a wall anchor; two baskets at the foot',
        tags: 'bookshelf, storage, study',
      },
      {
        noun: 'Study Desk',
        price: [4_490, 22_990],
        about: 'A writing desk with places for cables, papers and a lamp.',
        features: 'a sit-stand motor with memory; a pegboard above; a cable tray; a drawer with soft close',
        tags: 'desk, study, home office',
      },
      {
        noun: 'Swing Chair',
        price: [4_990, 18_990],
        about: 'A hanging chair that turns a balcony into the best seat in the house.',
        features:
          'an egg-shaped woven shell; a powder-coated stand; a weatherproof cushion; a quiet spring hook',
        tags: 'swing, balcony, outdoor',
      },
    ],
  },
  {
    slug: 'home-bedding',
    name: 'Bedding',
    parent: 'home',
    products: 70,
    title: '{brand} {look} {noun} ({size})',
    brands: { Nidra: 0.85, Malmal: 0.65, Swapna: 0.5, Kambal: 0.3, Basera: 0.1 },
    looks: 'Indigo Dabu; Pista Green; Floral Jaal; Ivory; Terracotta; Paisley; Slate; Lotus Print; Blush',
    sizes: 'Single; Double; Queen; King',
    features:
      'cloth certified free of harmful dyes; a weave that gets softer with washing; piped edges; colours fast to forty washes; a reusable cotton bag; hypoallergenic materials',
    uses: 'For restless sleepers in warm, humid cities; A considerate wedding or housewarming gift; For guest rooms that should feel like a good hotel; Brings colour to a plain bedroom in five minutes; For children who kick off every cover',
    warrantyMonths: 6,
    kinds: [
      {
        noun: 'Cotton Bedsheet Set',
        price: [799, 4_499],
        about: 'A fitted cotton sheet with pillow covers, crisp on the first night and soft ever after.',
        features:
          '400 thread count sateen; elastic all the way round; two matching pillow covers; deep pockets for thick mattresses',
        tags: 'bedsheet, cotton, pillow covers',
      },
      {
        noun: 'Jaipuri Razai Quilt',
        price: [1_499, 5_999],
        about: 'A featherweight Jaipuri razai filled with carded cotton, warm without weight.',
        features:
          'hand-quilting in running stitch; a voile shell; block-printed reverse; a filling fluffed by hand',
        tags: 'quilt, razai, winter',
      },
      {
        noun: 'Memory Foam Pillow',
        price: [699, 3_499],
        about: 'A contoured pillow that cradles the neck for side and back sleepers.',
        features: 'a cooling gel layer; a bamboo cover that unzips; ventilation channels; two heights in one',
        tags: 'pillow, memory foam, neck support',
        sizes: 'Single; Pack of 2; Pack of 4',
      },
      {
        noun: 'Comforter',
        price: [1_299, 5_499],
        about: 'A reversible comforter for air-conditioned nights all year round.',
        features:
          'box stitching that stops clumping; microfibre as light as down; two colours, one each side; corner loops',
        tags: 'comforter, all season, reversible',
      },
      {
        noun: 'Mattress Protector',
        price: [599, 2_499],
        about: 'A waterproof layer that saves the mattress from spills and dust mites.',
        features: 'a silent terry top; a breathable membrane; a skirt that grips; a machine-washable build',
        tags: 'mattress protector, waterproof, hygiene',
      },
      {
        noun: 'Wool Blanket',
        price: [1_799, 7_999],
        about: 'A woven wool blanket from the Himalayan foothills for truly cold nights.',
        features:
          'merino blended with local wool; fringes twisted by hand; mothproofing with neem; a herringbone weave',
        tags: 'blanket, wool, warm',
      },
    ],
  },
];
