import 'uplot/dist/uPlot.min.css';
import './style.css';
import { createRoot } from 'react-dom/client';
import { App } from './components/App';
import { applyTheme } from './theme';

applyTheme();
createRoot(document.getElementById('page')!).render(<App />);
