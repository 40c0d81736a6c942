/** What to ask a catalogue to see what search and similar products make of it. */
export interface DemoQueries {
  /** A category that only this catalogue has. */
  category: string;
  title: string;
  searches: readonly string[];
  /** The best hit of each is a product whose neighbours are shown. */
  products: readonly string[];
}

/** The demo shop of `npm start`, and the public Amazon India table as `examples/amazon-in.mapping.json` imports it. */
export const demoQueries: readonly DemoQueries[] = [
  {
    category: 'home-cookware',
    title: 'Demo shop',
    searches: [
      'light laptop for students',
      'gaming notebok with dedicated graphics card',
      'something to keep me warm at night',
      'pot for slow cooked curry',
      'shoes for running a marathon',
      'noise cancelling headphones for flights',
      'presure cooker',
      'chair that is good for my back',
      'gift for somebody who loves novels',
      'moisturiser for dry skin',
    ],
    products: [
      'Ultrabook',
      'Gaming Laptop',
      'Pressure Cooker',
      'Wool Blanket',
      'Ergonomic Office Chair',
      'Running Shoes',
      'Yoga Mat',
      'Novel',
      'Face Cream',
      'Smartphone',
    ],
  },
  {
    category: 'amazon-in',
    title: 'Amazon India',
    searches: [
      'usb c cable for fast charging',
      'wireless earbuds with long battery life',
      'something to boil water quickly',
      'hdmi cabel for 4k tv',
      'keep my room warm in winter',
      'smart watch with heart rate monitor',
      'mixer grindr',
      'remote control for samsung television',
      'store photos of my phone on a card',
      'clean dust from the sofa',
    ],
    products: [
      'Lightning to USB braided cable',
      'HDMI cable',
      'Smart watch',
      'Electric kettle',
      'Mixer grinder 750 watt',
      'Wireless mouse',
      'MicroSD memory card',
      'Power bank 10000mAh',
      'Vacuum cleaner',
      'LED smart television 43 inches',
    ],
  },
];
