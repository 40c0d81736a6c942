import type { Leaf } from './vocabulary.ts';

export const electronics: readonly Leaf[] = [
  {
    slug: 'electronics-laptops',
    name: 'Laptops',
    parent: 'electronics',
    products: 80,
    title: '{brand} {model} {noun} ({size}, {look})',
    brands: { Kestora: 0.95, Nuvira: 0.7, Orbitek: 0.55, Vaayu: 0.4, Zenbyte: 0.25, Tarang: 0.05 },
    models: ['Aero; Vertex; Meridian; Swift; Falcon; Summit', '13; 14; 15; 16; X; S'],
    looks: 'Slate Grey; Silver; Graphite Black; Midnight Blue; Pearl White',
    sizes:
      '8GB RAM, 256GB SSD; 8GB RAM, 512GB SSD; 16GB RAM, 512GB SSD; 16GB RAM, 1TB SSD; 32GB RAM, 1TB SSD',
    features:
      'a backlit keyboard with quiet keys; a fingerprint reader in the power button; Wi-Fi 6E; a full-size HDMI port; a privacy shutter over the webcam; a large glass touchpad; two Thunderbolt ports; fast charging to half in thirty minutes',
    uses: 'Made for students who carry it between hostel and lecture hall; A steady companion for spreadsheets, video calls and long days at the office; Suits anyone who works from cafes, trains and co-working desks; A good choice for families that share one computer; For developers who keep a dozen tabs and three containers open',
    warrantyMonths: 12,
    kinds: [
      {
        noun: 'Ultrabook',
        price: [48_000, 135_000],
        about: 'A slim and light laptop that slips into any bag and wakes the moment you open it.',
        features:
          'a body of barely 1.2 kg milled from aluminium; an eighteen-hour battery; a bright 2.8K OLED panel; fanless cooling that stays silent',
        tags: 'ultrabook, lightweight, long battery',
      },
      {
        noun: 'Gaming Laptop',
        price: [62_000, 185_000],
        about: 'A gaming notebook with a dedicated graphics card for high frame rates in current titles.',
        features:
          'a 165 Hz display with low response time; twin fans with vapour chamber cooling; per-key RGB lighting; an RTX class graphics card with 8 GB of its own memory',
        tags: 'gaming, graphics card, high refresh rate',
      },
      {
        noun: '2-in-1 Convertible Laptop',
        price: [45_000, 120_000],
        about: 'A touchscreen laptop that folds round into a tablet for sketching, reading and presenting.',
        features:
          'a 360 degree hinge; a pressure-sensitive stylus in the box; a touchscreen hardened against scratches; four corner speakers that follow the way you hold it',
        tags: 'convertible, touchscreen, stylus',
      },
      {
        noun: 'Business Notebook',
        price: [42_000, 125_000],
        about: 'A dependable work notebook with the security and repairability that companies ask for.',
        features:
          'a spill-resistant keyboard with drain channels; a TPM chip and smart card slot; memory and storage you can upgrade yourself; noise-cancelling microphones for calls',
        tags: 'business, secure, office',
      },
      {
        noun: 'Student Laptop',
        price: [24_000, 52_000],
        about: 'An affordable everyday laptop for homework, streaming and online classes.',
        features:
          'a rugged rubber bumper around the case; a matte Full HD screen that is kind to the eyes; a pre-installed office suite; a ten-hour battery for a whole school day',
        tags: 'student, budget, online classes',
        sizes: '4GB RAM, 128GB SSD; 8GB RAM, 256GB SSD; 8GB RAM, 512GB SSD',
      },
      {
        noun: 'Creator Laptop',
        price: [78_000, 210_000],
        about: 'A powerful workstation laptop for video editing, photo retouching and 3D rendering.',
        features:
          'a factory-calibrated display covering all of DCI-P3; an SD card reader on the side; a control dial for timelines and brushes; a graphics card with studio drivers',
        tags: 'creator, video editing, colour accurate',
      },
    ],
  },
  {
    slug: 'electronics-smartphones',
    name: 'Smartphones',
    parent: 'electronics',
    products: 95,
    title: '{brand} {model} {noun} ({look}, {size})',
    brands: { Avira: 0.95, Solara: 0.75, Mivara: 0.55, Kiran: 0.4, Rezo: 0.25, Bolt: 0.05 },
    models: ['Note; Nova; Edge; Prime; Pulse; Neo', '9; 10; 11; 12; 20; 30'],
    looks: 'Aurora Gold; Ocean Blue; Graphite; Mint Green; Lavender; Sunset Red',
    sizes: '4GB RAM, 64GB; 4GB RAM, 128GB; 6GB RAM, 128GB; 8GB RAM, 256GB; 12GB RAM, 256GB; 12GB RAM, 512GB',
    features:
      'dual SIM with a separate memory card slot; stereo speakers; a side fingerprint sensor; an AMOLED screen readable in full sun; NFC for tap and pay; three years of security updates; a splash-proof frame; UPI payments by voice',
    uses: 'Handy for anyone who lives in chats, maps and short videos; A sensible first smartphone for parents and grandparents; For commuters who stream all the way home; Keeps up with delivery riders and field staff from dawn to night; A favourite of college students who want a lot for the money',
    warrantyMonths: 12,
    kinds: [
      {
        noun: '5G Phone',
        price: [10_500, 28_000],
        about: 'A well-rounded 5G phone with smooth scrolling and a battery that lasts into the second day.',
        features:
          'twelve 5G bands for every Indian operator; a 5000 mAh battery; a 120 Hz display; 33 W fast charging',
        tags: '5g, all-rounder, fast charging',
      },
      {
        noun: 'Camera Phone',
        price: [22_000, 78_000],
        about: 'A phone built around its camera, for sharp portraits, night shots and steady video.',
        features:
          'a 200 MP main sensor with optical stabilisation; a periscope lens with five times zoom; a night mode that keeps colours true; a 50 MP selfie camera with autofocus',
        tags: 'camera, photography, night mode',
      },
      {
        noun: 'Gaming Phone',
        price: [24_000, 62_000],
        about: 'A mobile gaming phone that holds its frame rate through long battle royale sessions.',
        features:
          'shoulder triggers under the frame; a vapour chamber the size of the screen; a 144 Hz panel with fast touch sampling; a bypass mode that spares the battery while plugged in',
        tags: 'gaming, high refresh rate, cooling',
      },
      {
        noun: 'Foldable Phone',
        price: [68_000, 155_000],
        about: 'A folding smartphone that opens into a small tablet and closes to fit a pocket.',
        features:
          'a hinge tested for 400,000 folds; a cover screen large enough for replies; ultra-thin bendable glass; split-screen multitasking for three apps',
        tags: 'foldable, flagship, multitasking',
      },
      {
        noun: 'Budget Phone',
        price: [6_500, 11_500],
        about: 'An entry-level 4G phone that does calls, messages and payments without fuss.',
        features:
          'a big 6000 mAh battery; a loud ringer and large icons; an FM radio that works without data; a removable back cover',
        tags: 'budget, 4g, big battery',
        sizes: '2GB RAM, 32GB; 3GB RAM, 32GB; 4GB RAM, 64GB; 4GB RAM, 128GB',
      },
      {
        noun: 'Rugged Phone',
        price: [14_000, 34_000],
        about: 'A tough phone that shrugs off drops, dust and monsoon rain on site or on the trail.',
        features:
          'reinforced corners that survive a two-metre fall; a sealed body rated for submersion; a torch bright enough to work by; buttons you can press with gloves on',
        tags: 'rugged, waterproof, outdoor',
      },
    ],
  },
  {
    slug: 'electronics-headphones',
    name: 'Headphones',
    parent: 'electronics',
    products: 75,
    title: '{brand} {model} {noun} - {look}',
    brands: { Sonavox: 0.95, Raaga: 0.7, Auralis: 0.6, Beatwala: 0.3, Dhwani: 0.2, Thump: 0.1 },
    models: ['Echo; Drift; Wave; Studio; Rhythm; Hush', '100; 200; 300; Lite; Plus; Max'],
    looks: 'Matte Black; Ivory; Navy; Forest Green; Coral; Steel Grey',
    features:
      'Bluetooth 5.3 with multipoint pairing; a low-latency mode for films and games; deep yet controlled bass; quick charging that gives hours from ten minutes; voice assistant support; an app with a graphic equaliser; a microphone that filters street noise',
    uses: 'Good company on metro rides and long flights; For people who take calls all day and music in between; A treat for listeners who know every tabla stroke of a recording; For the gym bag and the morning run; Helps students shut out a noisy hostel',
    warrantyMonths: 12,
    kinds: [
      {
        noun: 'Noise Cancelling Over-Ear Headphones',
        price: [3_999, 29_990],
        about: 'Wireless over-ear headphones that quiet engines, fans and chatter.',
        features:
          'adaptive noise cancellation with six microphones; memory foam ear cushions; a forty-hour battery; a fold-flat hinge and hard travel case',
        tags: 'over-ear, noise cancelling, wireless',
      },
      {
        noun: 'True Wireless Earbuds',
        price: [999, 14_990],
        about: 'Small in-ear buds without any wires, in a case that fits a coin pocket.',
        features:
          'a case that recharges them four times; three sizes of silicone tips; touch controls on each bud; an ear-wear sensor that pauses the music',
        tags: 'earbuds, true wireless, in-ear',
      },
      {
        noun: 'Neckband Earphones',
        price: [699, 4_490],
        about: 'Light neckband earphones that stay round your neck all day.',
        features:
          'magnetic buds that answer when pulled apart; a flexible silicone band; buzz alerts for incoming calls; sweat resistance for workouts',
        tags: 'neckband, bluetooth, magnetic',
      },
      {
        noun: 'Wired Earphones',
        price: [299, 2_490],
        about: 'Simple wired earphones that never need charging.',
        features:
          'a tangle-free braided cable; an inline remote and microphone; a gold-plated 3.5 mm jack; angled metal housings',
        tags: 'wired, in-ear, 3.5mm',
      },
      {
        noun: 'Gaming Headset',
        price: [1_499, 12_990],
        about: 'A gaming headset that tells you where footsteps come from.',
        features:
          'virtual 7.1 surround sound; a flip-to-mute boom microphone; cooling-gel ear pads; a USB dongle for console and PC',
        tags: 'gaming, headset, surround sound',
      },
      {
        noun: 'Studio Monitor Headphones',
        price: [2_999, 24_990],
        about: 'Closed studio headphones with a flat response for mixing, dubbing and critical listening.',
        features:
          'neutral 45 mm drivers; a detachable coiled cable; velour pads you can replace; a quarter-inch adapter that screws on',
        tags: 'studio, monitoring, audiophile',
      },
    ],
  },
  {
    slug: 'electronics-cameras',
    name: 'Cameras',
    parent: 'electronics',
    products: 58,
    title: '{brand} {model} {noun} ({size})',
    brands: { Lumenar: 0.9, Drishti: 0.6, Optara: 0.5, Pixelle: 0.3, Jhalak: 0.1 },
    models: ['D; EX; Vista; Trail; Focus; R', '5; 7; 50; 80; 100; 3 II'],
    looks: 'Black; Silver; Titanium',
    sizes: 'Body Only; Single Lens Kit; Creator Kit; Dual Lens Kit',
    features:
      'instant transfer to your phone; a shell that shrugs off drizzle; menus in English and Hindi; charging over USB-C; a tripod thread; an app that is easy to set up; pick-up service for repairs',
    uses: 'A worthy tool for weddings, portraits and festivals; For travellers who climb before sunrise to get the light; Made for vloggers who film themselves on the move; For birders and safari-goers who wait hours for one frame; A gentle start for anyone moving up from a phone',
    warrantyMonths: 24,
    kinds: [
      {
        noun: 'Mirrorless Camera',
        price: [52_000, 210_000],
        about: 'A compact interchangeable-lens camera with an electronic viewfinder and silent shutter.',
        features:
          'five-axis stabilisation inside the body; a full-frame back-lit sensor; a high-resolution viewfinder; autofocus that follows eyes and animals',
        tags: 'mirrorless, interchangeable lens, full frame',
      },
      {
        noun: 'DSLR Camera',
        price: [36_000, 120_000],
        about: 'A classic reflex camera with an optical viewfinder and a battery good for a whole wedding.',
        features:
          'a bright pentaprism viewfinder; a deep grip with two control wheels; a library of affordable lenses; a thousand shots on a charge',
        tags: 'dslr, optical viewfinder, photography',
      },
      {
        noun: 'Action Camera',
        price: [7_500, 46_000],
        about: 'A tiny waterproof video camera to mount on helmets, handlebars and surfboards.',
        features:
          'horizon levelling however it is tilted; waterproofing to ten metres without a case; a magnetic mount that swaps in seconds; slow motion at eight times',
        tags: 'action, waterproof, helmet mount',
        sizes: 'Standard; Adventure Kit; Creator Kit',
        uses: 'For bikers, divers and trekkers who bring the story home; Fits in a pocket on the way to Ladakh; Made for vloggers who film themselves on the move',
      },
      {
        noun: 'Instant Camera',
        price: [5_500, 16_000],
        about: 'A cheerful instant-print camera that hands you the photo seconds after the click.',
        features:
          'credit-card sized prints; a selfie mirror beside the lens; automatic exposure with fill flash; a double-exposure mode for play',
        tags: 'instant, prints, party',
        sizes: 'Camera Only; With 10 Films; With 40 Films',
        uses: 'Brings birthdays and hostel farewells to life; A fun first camera for children; Fills a wall or a scrapbook in an evening',
      },
      {
        noun: 'Security Camera',
        price: [1_799, 9_500],
        about: 'A Wi-Fi surveillance camera that watches the door and tells your phone.',
        features:
          'motion alerts that know people from pets; infrared night vision; two-way talk; pan and tilt through the whole room',
        tags: 'security, cctv, smart home',
        sizes: 'Single; Pack of 2; Pack of 4',
        uses: 'For shops, stairwells and homes left alone over Diwali; Lets you look in on elderly parents and pets; A simple watchman for rented flats',
      },
    ],
  },
  {
    slug: 'electronics-smartwatches',
    name: 'Smartwatches',
    parent: 'electronics',
    products: 66,
    title: '{brand} {model} {noun} ({size}, {look})',
    brands: { Chronova: 0.9, Solara: 0.75, Samay: 0.5, Fitora: 0.35, Ghadi: 0.2, Bolt: 0.05 },
    models: ['Active; Pulse; Orbit; Classic; Ultra; Fit', '2; 3; 4; Pro; SE; GT'],
    looks: 'Jet Black; Rose Gold; Silver Mesh; Tan Leather; Deep Teal',
    sizes: '40mm; 42mm; 44mm; 46mm',
    features:
      'heart-rate and blood-oxygen tracking round the clock; sleep stages with a morning score; a dial you can read in full sun; swim-proofing to fifty metres; quick replies to messages; hundreds of watch faces; a stress score with breathing breaks',
    uses: 'Nudges desk workers to stand, stretch and breathe; For people building a habit of ten thousand steps; Sits well under a shirt cuff at work and on the court after; A caring gift for parents who should keep an eye on their heart; For anyone who would rather leave the phone in the bag',
    warrantyMonths: 12,
    kinds: [
      {
        noun: 'GPS Running Watch',
        price: [8_990, 52_000],
        about: 'A sports watch that maps every run and tells you when to train and when to rest.',
        features:
          'dual-band GPS that holds between buildings; training load and recovery advice; interval workouts on the wrist; music storage for phone-free runs',
        tags: 'gps, running, training',
      },
      {
        noun: 'Bluetooth Calling Smartwatch',
        price: [1_499, 6_990],
        about: 'A value smartwatch with a speaker and microphone for calls from the wrist.',
        features:
          'a dial pad and saved contacts; a rotating crown; a week of battery; more than a hundred sports modes',
        tags: 'bluetooth calling, value, notifications',
      },
      {
        noun: 'Fitness Band',
        price: [1_199, 5_490],
        about: 'A slim activity tracker you forget you are wearing.',
        features:
          'a two-week battery; a soft swappable strap; automatic workout detection; a body of just fourteen grams',
        tags: 'fitness band, step counter, lightweight',
      },
      {
        noun: 'Hybrid Analogue Smartwatch',
        price: [6_990, 24_000],
        about: 'A watch with real hands and a hidden display, smart without looking it.',
        features:
          'mechanical hands over an e-paper dial; a domed sapphire crystal; gentle vibration alerts; a month between charges',
        tags: 'hybrid, analogue, elegant',
      },
      {
        noun: 'LTE Smartwatch',
        price: [16_990, 58_000],
        about: 'A connected watch with its own eSIM, so calls and music work with the phone at home.',
        features:
          'an eSIM for standalone calls; fall detection with emergency dialling; an ECG sensor; contactless payments',
        tags: 'lte, esim, health',
      },
      {
        noun: "Kids' GPS Watch",
        price: [2_499, 8_990],
        about: 'A safe first watch that lets parents see where a child is and call them.',
        features:
          'live location with school-zone alerts; an SOS button; a camera for video calls; a strap too tough to chew through',
        tags: 'kids, safety, location',
        uses: 'For the walk to school and the evening playground; Gives busy parents one worry less; A first step before a phone',
      },
    ],
  },
];
