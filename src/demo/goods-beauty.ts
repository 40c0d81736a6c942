import type { Leaf } from './vocabulary.ts';

export const beauty: readonly Leaf[] = [
  {
    slug: 'beauty-skincare',
    name: 'Skincare',
    parent: 'beauty',
    products: 84,
    title: '{brand} {look} {noun} ({size})',
    brands: { Kumkumadi: 0.85, Ojas: 0.65, 'Derma Veda': 0.6, Nimbu: 0.35, Pureleaf: 0.25, Gulabi: 0.1 },
    looks:
      'Saffron & Almond; Niacinamide; Aloe & Cucumber; Vitamin C; Turmeric; Green Tea; Rice Water; Rose; Hyaluronic',
    sizes: '30 ml; 50 ml; 100 ml; 200 ml',
    features:
      'a formula without parabens or sulphates; dermatological testing on Indian skin; a fragrance-free option for sensitive faces; vegan and cruelty-free making; a pump that doses cleanly; a recyclable glass bottle; a texture that never feels heavy',
    uses: 'For oily skin in a humid climate; Wakes up tired skin after late nights and early flights; Suits dry, flaky cheeks in winter; For teenagers fighting their first breakouts; Slips into a busy routine without extra steps',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Face Serum',
        price: [349, 1_899],
        about: 'A concentrated serum that evens tone and brings a quiet glow.',
        features:
          'ten percent active ingredient; a dropper for exact drops; antioxidants against sun damage; visible fading of dark spots in four weeks',
        tags: 'serum, glow, dark spots',
      },
      {
        noun: 'Sunscreen SPF 50',
        price: [299, 1_299],
        about: 'A broad-spectrum sunscreen that leaves no white cast on brown skin.',
        features:
          'PA++++ protection from UVA; a matte finish under make-up; water resistance for eighty minutes; a gel that never stings the eyes',
        tags: 'sunscreen, spf 50, no white cast',
      },
      {
        noun: 'Gel Face Wash',
        price: [179, 699],
        about: 'A gentle foaming cleanser that lifts dust and pollution without stripping.',
        features:
          'salicylic acid for clogged pores; a balanced pH of 5.5; tiny jojoba beads; no tight feeling afterwards',
        tags: 'face wash, cleanser, pollution',
      },
      {
        noun: 'Night Cream',
        price: [399, 2_499],
        about: 'A rich overnight cream that repairs while you sleep.',
        features:
          'ceramides that mend the barrier; gentle bakuchiol in place of retinol; a whipped texture; peptides for fine lines',
        tags: 'night cream, anti-ageing, repair',
      },
      {
        noun: 'Light Moisturiser',
        price: [249, 1_199],
        about: 'A water-light daily moisturiser for skin that gets shiny by noon.',
        features:
          'seventy-two hours of hydration; an oil-free gel base; squalane from olives; a calming dose of centella',
        tags: 'moisturiser, oil-free, daily',
      },
      {
        noun: 'Clay Face Mask',
        price: [249, 999],
        about: 'A cooling clay mask that draws out oil on a slow Sunday.',
        features:
          'multani mitti from Rajasthan; sandalwood powder; a rinse-off in ten minutes; a silicone brush in the lid',
        tags: 'face mask, clay, oil control',
        sizes: '50 g; 75 g; 100 g; 200 g',
      },
      {
        noun: 'Body Lotion',
        price: [199, 899],
        about: 'A nourishing body lotion for elbows, knees and everything between.',
        features:
          'cocoa and kokum butter; a non-greasy feel; a scent that fades to skin; a family-size value',
        tags: 'body lotion, dry skin, winter',
      },
    ],
  },
  {
    slug: 'beauty-fragrances',
    name: 'Fragrances',
    parent: 'beauty',
    products: 56,
    title: '{brand} {model} {noun} ({size})',
    brands: { Kannauj: 0.9, Itrana: 0.75, Mogra: 0.5, 'Sandal Route': 0.45, Zest: 0.15 },
    models: ['Monsoon; Midnight; Golden; Desert; Orchard; Velvet', 'Oud; Vetiver; Jasmine; Amber; Neroli'],
    looks: 'For Her; For Him; Unisex',
    sizes: '10 ml; 30 ml; 50 ml; 100 ml',
    features:
      'a trail that lasts past eight hours; notes of bergamot over warm musk; a bottle worth keeping; a heart of rose and saffron; a base of cedar and tonka; skin-safe ingredients to IFRA rules; a gift box with ribbon',
    uses: 'For date nights and winter weddings; Fresh enough for the office lift; A present that never needs a size; For people who like to be remembered, softly; Layers well with a plain body lotion',
    warrantyMonths: 0,
    kinds: [
      {
        noun: 'Eau de Parfum',
        price: [699, 6_499],
        about: 'A lasting perfume that unfolds over an evening from bright citrus to deep woods.',
        features:
          'a fifth of pure perfume oil; a fine-mist atomiser; a magnetic cap; a dry-down of smoky resin',
        tags: 'perfume, long lasting, evening',
      },
      {
        noun: 'Attar',
        price: [399, 4_999],
        about: 'A traditional alcohol-free attar distilled into sandalwood oil.',
        features:
          'deg-bhapka distillation in copper; a crystal stopper; ageing for two years; one drop that lasts all day',
        tags: 'attar, alcohol-free, traditional',
        sizes: '3 ml; 6 ml; 12 ml; 24 ml',
      },
      {
        noun: 'Body Mist',
        price: [249, 999],
        about: 'A light body mist to spray after a shower or the gym.',
        features:
          'aloe water that cools; a playful fruity opening; a bag-proof twist lock; a formula that does not stain',
        tags: 'body mist, fresh, everyday',
      },
      {
        noun: 'Solid Perfume',
        price: [299, 1_499],
        about: 'A travel-friendly perfume balm in a tin, applied with a fingertip.',
        features:
          'beeswax and shea; no liquids for airport security; an engraved brass tin; a refill at half price',
        tags: 'solid perfume, travel, natural',
        sizes: '8 g; 15 g; 25 g',
      },
      {
        noun: 'Cologne Spray',
        price: [449, 2_799],
        about: 'A brisk cologne with lime and vetiver for hot mornings.',
        features:
          'a splash of cooling menthol; a barber-shop finish; khus from Bharatpur; a sport cap for the kit bag',
        tags: 'cologne, citrus, men',
      },
    ],
  },
];
