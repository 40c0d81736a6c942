import type { Leaf } from './vocabulary.ts';

const looks = 'Paperback; Hardcover; Illustrated Edition';

export const books: readonly Leaf[] = [
  {
    slug: 'books-fiction',
    name: 'Fiction',
    parent: 'books',
    products: 48,
    title: '{model}',
    authored: true,
    brands: { 'Banyan House': 0.7, 'Indus Press': 0.5, 'Paper Lantern': 0.4, 'Kitab Ghar': 0.1 },
    looks,
    features:
      'a narrator you only half trust; short chapters that ask for one more; a city drawn street by street; dialogue that sounds overheard; an ending nobody saw coming; a prize shortlisting in its year; characters who stay after the last page',
    uses: 'For train journeys and rainy weekends; A generous choice for a book club; For readers who miss the summers of childhood; Best begun early, since it is hard to stop; Lend it only to people who return books',
    phrasing:
      'Expect {a}, {b} and {c}.; It offers {a}, {b} and, above all, {c}.; Readers praise {a}, {b} and {c}.',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Crime Novel',
        price: [250, 699],
        about: 'A detective novel of alibis, old money and a body found too late.',
        features:
          'an inspector with a failing marriage and a perfect memory; clues laid in plain sight; a locked room in a colonial club; a confession that changes everything',
        tags: 'crime, mystery, detective',
        models: [
          'Murder at; The Last Witness of; Silence in; A Body Under; The Keeper of',
          'Howrah Bridge; Fort Kochi; the Monsoon Club; Platform Nine; Lantern Lane',
        ],
      },
      {
        noun: 'Historical Novel',
        price: [299, 899],
        about: 'A sweeping historical novel of courts, caravans and divided families.',
        features:
          'letters carried across a new border; a weaver caught between two empires; battle scenes told by a cook; a glossary and maps',
        tags: 'historical, saga, partition',
        models: [
          'The Weavers of; Daughters of; A Map of; The Salt Road to; Lamps over',
          'Murshidabad; the Old Fort; Lahore Gate; the Deccan; Hampi',
        ],
      },
      {
        noun: 'Romance Novel',
        price: [199, 499],
        about: 'A warm romance about second chances, meddling aunts and very good chai.',
        features:
          'a fake engagement that gets out of hand; a slow burn over one wedding season; letters never sent; a rival who turns out kind',
        tags: 'romance, feel-good, love story',
        models: [
          'Two Tickets to; Monsoon Hearts in; The Wedding at; Meet Me in; Almost Home in',
          'Udaipur; Coonoor; Marine Drive; Pondicherry; Shillong',
        ],
      },
      {
        noun: 'Fantasy Novel',
        price: [350, 899],
        about: 'An epic fantasy where old gods bargain and a river remembers every promise.',
        features:
          'a girl who can borrow the voices of birds; a magic paid for with memory; a heist in a floating temple; a map that redraws itself',
        tags: 'fantasy, mythology, epic',
        models: [
          'The River King and; Ashes of; Song of; The Thief of; Crown of',
          'the Seven Lamps; Naga Stone; the Ninth Moon; Silver Bells; Banyan and Bone',
        ],
      },
      {
        noun: 'Science Fiction Novel',
        price: [299, 799],
        about: 'A science fiction novel of generation ships, drowned cities and machines that dream.',
        features:
          'a signal from a silent satellite; a city under a dome in the Thar; an engineer who speaks to the dead through code; physics that holds up',
        tags: 'science fiction, space, future',
        models: [
          'Orbit of; The Last Monsoon on; Machines of; Signal from; Beyond',
          'Chandra Station; Neo Mumbai; the Red Delta; Dust and Light; the Quiet Star',
        ],
      },
    ],
  },
  {
    slug: 'books-business-self-help',
    name: 'Business & Self-Help',
    parent: 'books',
    products: 39,
    title: '{model}',
    authored: true,
    brands: { 'Indus Press': 0.6, 'Ledger Books': 0.5, 'Clear Page': 0.4, 'Kitab Ghar': 0.1 },
    looks,
    features:
      'case studies from Indian companies; exercises at the end of each chapter; research told as stories; a one-page summary per idea; plain language without slogans; interviews with people who failed first; checklists you will really use',
    uses: 'For first-time managers and restless founders; A thoughtful farewell present for a colleague; For readers who underline and come back; Short enough for a week of commutes; For anyone standing at a crossroads in work or life',
    phrasing:
      'Expect {a}, {b} and {c}.; The author offers {a}, {b} and {c}.; Readers come back for {a}, {b} and {c}.',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Entrepreneurship Guide',
        price: [299, 799],
        about: 'A practical book on starting a company with little money and a stubborn idea.',
        features:
          'templates for a first pitch; the true cost of growth; lessons from kirana stores; a chapter on letting people go well',
        tags: 'startup, entrepreneurship, business',
        models: [
          'From Zero to; The Stubborn; Small Money,; Building the',
          'First Customer; Founder; Big Shop; Bazaar',
        ],
      },
      {
        noun: 'Personal Finance Book',
        price: [199, 599],
        about: 'A calm guide to saving, index funds and insurance for salaried Indians.',
        features:
          'a budget on one page; tax explained with real payslips; the arithmetic of a home loan; a plan for each decade of life',
        tags: 'personal finance, investing, money',
        models: ['The Salary; Rupee by; Quiet; The Patient', 'Blueprint; Rupee; Wealth; Investor'],
      },
      {
        noun: 'Habits and Productivity Book',
        price: [199, 599],
        about: 'A book about small habits, attention and getting the important thing done before lunch.',
        features:
          'a thirty-day tracker; tricks to put the phone away; the science of sleep and willpower; a weekly review in twenty minutes',
        tags: 'habits, productivity, focus',
        models: ['Ten Minutes to; The Unhurried; One Thing Before; Deep', 'Monday; Morning; Focus; Lunch'],
      },
      {
        noun: 'Mindfulness Book',
        price: [199, 549],
        about: 'An introduction to meditation and breath for anxious, busy people.',
        features:
          'seven guided practices; verses from the Upanishads in fresh translation; advice for grief and anger; recordings to listen to',
        tags: 'mindfulness, meditation, wellbeing',
        models: [
          'Sitting with; The Breath of; A Year of; Letters on',
          'Silence; Stillness; Small Joys; Letting Go',
        ],
      },
    ],
  },
];
