/** What people say of a product they feel one way about; `{feature}` and `{noun}` are the product's own. */
export interface Tone {
  titles: readonly string[];
  openings: readonly string[];
  remarks: readonly string[];
}

export const praise: Tone = {
  titles: [
    'Worth every rupee',
    'Better than I expected',
    'Very happy with this',
    'Would buy again',
    'Exactly as described',
    'My family loves it',
    'Great quality for the price',
    'A pleasant surprise',
    'Five stars from us',
    'Finally found the right one',
  ],
  openings: [
    'Bought this after comparing for weeks and I am glad I did.',
    'Third purchase from this brand and they have not let me down.',
    'Using it daily for two weeks now, no complaints.',
    'Ordered during the sale and it feels like it cost twice as much.',
    'Gifted it to my sister, now I need one for myself.',
    'Packing was neat and it came a day early.',
    'Went through every {noun} listing here before settling on this one.',
    'Exactly what I had been looking for.',
    'My parents are hard to please and even they approve.',
    'Looks just like the pictures, feels even better.',
  ],
  remarks: [
    'The best part: {feature}.',
    'They promise {feature}, and it is true.',
    'What won me over was {feature}.',
    'I did not know I needed {feature}, now I cannot go back.',
    'Others charge a lot more for {feature}.',
    'Full marks for {feature}.',
    'Came for the price, stayed for {feature}.',
  ],
};

export const mixedFeelings: Tone = {
  titles: [
    'Decent, not great',
    'Okay for the price',
    'Good with a few niggles',
    'Average',
    'Does the job',
    'Mixed feelings',
    'Fine, but I expected more',
  ],
  openings: [
    'It is all right for everyday use.',
    'Some things are good, some could be better.',
    'Took a while to get used to.',
    'Neither bad nor special.',
    'The photos flatter it a little.',
    'Good idea, finishing could be neater.',
    'Works, but I keep thinking of the one I nearly bought instead.',
  ],
  remarks: [
    'As for {feature}: nice to have, but not a reason to buy.',
    'I like {feature}, the rest is ordinary.',
    'They advertise {feature}; in practice it makes little difference.',
    'Only {feature} lifts it above the cheaper ones.',
    'Expected more from {feature}.',
  ],
};

export const disappointments: Tone = {
  titles: [
    'Not worth the money',
    'Disappointed',
    'Returned it',
    'Poor quality control',
    'Looks better in pictures',
    'Would not recommend',
    'Expected better from this brand',
  ],
  openings: [
    'Went back within the week.',
    'Maybe I got a bad piece, but this was a let-down.',
    'Started showing problems on the third day.',
    'Cheap finish for what they charge.',
    'Customer care was polite but could not help.',
    'Found a better {noun} listing the week after.',
    'Arrived late and the box was damaged.',
  ],
  remarks: [
    'So much for {feature}.',
    'The page says {feature}; I see none of it.',
    'I chose it for {feature} and that is what failed first.',
    'Even {feature} cannot save it.',
    'They should fix the basics before selling {feature}.',
  ],
};

export const closings: readonly string[] = [
  'Delivery to my pin code took four days.',
  'Read the description carefully before you order.',
  'Will update after a month.',
  'Bought at a discount, so keep that in mind.',
  'The colour is a shade darker than on my screen.',
  'Hope this helps someone decide.',
  'Packaging could use less plastic.',
  'Paid by UPI, no trouble at all.',
];
