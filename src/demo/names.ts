import type { Random } from './random.ts';
import { entries } from './vocabulary.ts';

const given = entries(
  'Aarav; Aditi; Aditya; Akash; Alok; Amina; Amit; Ananya; Anil; Anjali; Arjun; Asha; Bhavna; Chetan; Deepa; Dev; Diya; Farhan; Fatima; Gauri; Gopal; Harini; Harpreet; Irfan; Isha; Ishaan; Jaya; Kabir; Karan; Kavya; Kiran; Lakshmi; Leela; Madhav; Manish; Maya; Meera; Mohan; Nandini; Naveen; Neha; Nikhil; Nisha; Pooja; Pranav; Priya; Rahul; Rajesh; Reena; Ritika; Rohan; Sana; Sanjay; Shreya; Simran; Sunita; Tanvi; Tariq; Usha; Varun; Vikram; Yash; Zara; Zoya',
);
const family = entries(
  'Agarwal; Ali; Banerjee; Bhat; Bose; Chatterjee; Chauhan; Das; Desai; Deshmukh; DSouza; Fernandes; Ghosh; Gill; Gupta; Hegde; Iyer; Jain; Joshi; Kapoor; Kaur; Khan; Kulkarni; Kumar; Malhotra; Mehta; Menon; Mishra; Mukherjee; Nair; Nambiar; Pandey; Patel; Patil; Pillai; Rao; Reddy; Saxena; Shah; Sharma; Shetty; Singh; Sinha; Thomas; Varghese; Verma; Yadav',
);

/** A believable name, made of two lists; the same one may come twice. */
export const inventName = (random: Random): { name: string; handle: string } => {
  const first = random.pick(given);
  const last = random.pick(family);
  return { name: `${first} ${last}`, handle: `${first}.${last}`.toLowerCase() };
};
