export interface Post {
  id: string;
  title: string;
  author: string;
  /** Paragraphs. */
  text: string[];
}

export const posts: Post[] = [
  {
    id: 'welcome',
    title: 'Say hello to everybody',
    author: 'The bell ringers',
    text: [
      'Open this page in a second window, sign in there under another name, and write something. It appears here while you look on, without a reload.',
      'Writing and reading go through a small REST service. What is new is told to every page over one WebSocket each. Stop the notification service, start it again, and watch the pages come back by themselves.',
    ],
  },
  {
    id: 'forty-bells',
    title: 'Forty bells and one ringer',
    author: 'Maren',
    text: [
      'A carillon is played from a single keyboard, and heard in the whole town. Nobody has to come to the tower to learn that something happened.',
      'What would you ring the bells for?',
    ],
  },
  {
    id: 'slow-trains',
    title: 'In praise of slow trains',
    author: 'Teo',
    text: [
      'Eleven hours from coast to coast, one dining car, no connection after the second tunnel. I wrote four letters and read a novel.',
      'Which line should be next?',
    ],
  },
];

export const firstPost = posts[0] as Post;
export const postOf = (id: string): Post | undefined => posts.find((post) => post.id === id);
