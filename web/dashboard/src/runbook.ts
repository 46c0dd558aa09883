import './style.css';
import './prose.css';
import { applyTheme } from './theme';

applyTheme();
