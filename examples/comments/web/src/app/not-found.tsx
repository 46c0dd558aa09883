import Link from 'next/link';

export default function NotFound() {
  return (
    <main className="alone">
      <h1>There is nothing here</h1>
      <p><Link href="/">To the posts</Link></p>
    </main>
  );
}
