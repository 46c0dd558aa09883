import { Suspense } from 'react';
import { CommentsPage } from '../components/CommentsPage';

export default function Page() {
  // The export knows no query yet, which says what post it is.
  return (
    <Suspense>
      <CommentsPage />
    </Suspense>
  );
}
