import type { Leaf } from './vocabulary.ts';

export const sports: readonly Leaf[] = [
  {
    slug: 'sports-cricket',
    name: 'Cricket',
    parent: 'sports',
    products: 62,
    title: '{brand} {model} {noun} ({size})',
    brands: { Vijeta: 0.9, Maidan: 0.6, Pavilion: 0.5, Gully: 0.15, Toofan: 0.3 },
    models: ['Century; Yorker; Captain; Powerplay; Opener; Finisher', 'Select; Club; Pro; Elite; Reserve'],
    looks: 'Classic White; Red and Gold; Blue Strike; Black Edition',
    sizes: 'Junior; Youth; Senior; Senior Pro',
    features:
      'hand finishing by craftsmen in Meerut; a padded carry cover; a finish that stands up to rough seasons; a shape approved for league play; a one-season workmanship guarantee; moisture-proof packing',
    uses: 'At home in weekend league matches and net practice; For academy players who train six days a week; Equally happy in gully cricket with a tennis ball; A proud first piece of kit for a young player; For club sides that want matching gear',
    warrantyMonths: 3,
    kinds: [
      {
        noun: 'English Willow Bat',
        price: [4_500, 32_000],
        about: 'A leather-ball cricket bat shaped from air-dried English willow.',
        features:
          'eight straight grains across the face; a mid-low sweet spot for front-foot drives; thick edges with light pick-up; a nine-piece cane handle',
        tags: 'bat, english willow, leather ball',
      },
      {
        noun: 'Kashmir Willow Bat',
        price: [900, 3_800],
        about: 'A sturdy cricket bat in Kashmir willow for practice and tennis-ball games.',
        features:
          'a fibre-covered toe; a pre-knocked face; a rubber chevron grip; a scooped back that lightens the swing',
        tags: 'bat, kashmir willow, practice',
      },
      {
        noun: 'Batting Pads',
        price: [1_200, 6_500],
        about: 'Leg guards that are light to run in and firm against pace.',
        features:
          'cane rods behind high-density foam; a curved knee roll; wide straps that do not slip; a vertical bolster for the shin',
        tags: 'pads, leg guard, protection',
      },
      {
        noun: 'Batting Gloves',
        price: [600, 4_200],
        about: 'Batting gloves with split fingers and a soft leather palm.',
        features:
          'fibre inserts on the lead fingers; a towelling wrist band; ventilated mesh between the fingers; sheepskin in the palm',
        tags: 'gloves, batting, protection',
      },
      {
        noun: 'Cricket Helmet',
        price: [1_100, 6_900],
        about: 'A batting helmet with a fixed grille that meets the current safety standard.',
        features:
          'a stainless steel grille; an adjuster dial at the back; removable washable lining; air vents across the crown',
        tags: 'helmet, safety, batting',
      },
      {
        noun: 'Leather Cricket Ball Set',
        price: [450, 2_900],
        about: 'Four-piece leather balls with a seam that stays proud for spells of swing.',
        features:
          'alum-tanned leather; a Portuguese cork core; eighty hand-sewn stitches; a wax polish that keeps its shine',
        tags: 'ball, leather, seam',
        sizes: 'Pack of 2; Pack of 3; Pack of 6',
      },
    ],
  },
  {
    slug: 'sports-fitness-yoga',
    name: 'Fitness & Yoga',
    parent: 'sports',
    products: 74,
    title: '{brand} {model} {noun} - {look}',
    brands: { Prana: 0.8, Shakti: 0.55, Corewell: 0.5, Akhada: 0.3, Flexi: 0.1 },
    models: ['Balance; Flow; Iron; Motion; Core; Zen', 'Home; Studio; Basic; Plus; Pro'],
    looks: 'Charcoal; Plum; Sky Blue; Olive; Saffron; Turquoise',
    features:
      'a free eight-week workout plan; odour-free materials; a surface that wipes clean; a shape that stores under the bed; edges rounded for bare feet and hands; a no-questions thirty-day return',
    uses: 'Turns a corner of the bedroom into a gym; For early risers who practise before the house wakes; Chosen by physiotherapists for guided recovery; For lifters who have outgrown bodyweight training; Light enough to take to the park or on holiday',
    warrantyMonths: 6,
    kinds: [
      {
        noun: 'Yoga Mat',
        price: [499, 5_490],
        about: 'A cushioned mat that keeps its grip through a sweaty vinyasa.',
        features:
          'natural rubber with a microsuede top; laser-etched alignment lines; six millimetres of cushioning for knees; a weave of organic cotton',
        tags: 'yoga mat, anti-slip, exercise',
      },
      {
        noun: 'Adjustable Dumbbells',
        price: [1_999, 18_990],
        about: 'A pair of dumbbells that change weight at the turn of a dial.',
        features:
          'plates from 2 to 24 kg in one handle; a knurled chrome grip; a tray that doubles as a stand; a lock that clicks home',
        tags: 'dumbbells, strength, weights',
      },
      {
        noun: 'Resistance Band Set',
        price: [349, 2_490],
        about: 'Colour-coded resistance bands for stretching, strength and rehabilitation.',
        features:
          'five levels from gentle to heavy; a door anchor and ankle straps; layered natural latex; a drawstring pouch',
        tags: 'resistance bands, stretching, rehab',
      },
      {
        noun: 'Foam Roller',
        price: [449, 2_990],
        about: 'A firm roller that works knots out of calves, back and shoulders.',
        features:
          'a ridged pattern that feels like thumbs; a hollow core that bears 150 kg; three vibration speeds; a printed chart of exercises',
        tags: 'foam roller, recovery, massage',
      },
      {
        noun: 'Exercise Bike',
        price: [9_990, 42_000],
        about: 'A quiet indoor cycle for cardio at any hour without waking anyone.',
        features:
          'a magnetic flywheel with sixteen levels; a display for pulse, distance and calories; a seat that adjusts both ways; transport wheels',
        tags: 'exercise bike, cardio, indoor cycling',
      },
      {
        noun: 'Meditation Cushion',
        price: [699, 3_490],
        about: 'A round cushion that lifts the hips so the back stays upright in meditation.',
        features:
          'a filling of buckwheat hulls; a washable cotton cover; a side handle; a height you can adjust through the zip',
        tags: 'meditation, cushion, mindfulness',
      },
      {
        noun: 'Kettlebell',
        price: [799, 6_990],
        about: 'A one-piece kettlebell for swings, presses and get-ups.',
        features:
          'a powder-coated handle that holds chalk; a flat base that does not roll; colour rings that show the weight; a neoprene jacket kind to floors',
        tags: 'kettlebell, strength, functional training',
      },
    ],
  },
];
